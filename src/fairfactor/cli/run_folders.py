"""The commands that use what a run left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from fairfactor.cli.options import with_session
from fairfactor.cli.session import Session
from fairfactor.cli.tables import as_lines, describe_installation, print_results
from fairfactor.settings import check_choice

EXIT_CODES = {"kept": 0, "violated": 1, "undecided": 3}
NOT_CHECKED = 2
RunPath = Annotated[Path, typer.Argument(help="Folder that fairfactor run wrote.", metavar="RUN")]


@with_session
def predict(
    session: Session,
    model: Annotated[Path, typer.Argument(help="Run folder, or the folder model/ in it.")],
    table: Annotated[
        Path,
        typer.Argument(help="File with the columns of the model: CSV, Parquet, Arrow, Feather."),
    ],
    out: Annotated[Path | None, typer.Option(help="CSV file to write; printed if unset.")] = None,
    factory: Annotated[
        str | None, typer.Option(help="module:function of your own that made the network.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the image files that the table names.")
    ] = None,
    unknown_groups: Annotated[
        str,
        typer.Option(
            help="For a model that asks for groups: refuse a table with a group that it does not "
            "know, or infer, which decides such rows by what their inputs say."
        ),
    ] = "refuse",
) -> None:
    """Predict the class of each row of a table.

    No sensitive feature is asked for, but by a model that was tuned with --groups-at-prediction.
    """
    from fairfactor.data.group_lookup import UnknownGroups
    from fairfactor.files import atomic_file
    from fairfactor.model_loading import load_table_model
    from fairfactor.prediction import predict_file, read_images_from

    check_choice("unknown_groups", unknown_groups, get_args(UnknownGroups))
    loaded = load_table_model(model, factory)
    if images is not None:
        read_images_from(loaded, images)
    parts = predict_file(loaded, table, cast("UnknownGroups", unknown_groups))
    if out is None and session.json:
        records = [record for part in parts for record in part.to_dict("records")]
        session.show("", {"predictions": records})
    elif out is None:
        for number, part in enumerate(parts):
            text = part.to_csv(index=False, header=number == 0)
            session.show(text.rstrip("\n"), {})
    else:
        rows = 0
        with atomic_file(out) as file:
            for part in parts:
                file.write(part.to_csv(index=False, header=rows == 0).encode())
                rows += len(part)
        session.show(f"{rows:,} rows written to {out}", {"rows": rows, "out": str(out)})


@with_session
def check(
    session: Session,
    path: RunPath,
    constraint: Annotated[
        str | None,
        typer.Option(help="Bounds, as equalized_odds<=0.05; those of the tuning if unset."),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Confidence of the interval.")] = 0.95,
) -> None:
    """Check the kept model against bounds on the run's test rows, as a gate of a build.

    Exit codes: 0 every bound is kept, 1 one is violated, 3 one cannot be decided with the data at
    hand, 2 it could not be checked. A bound is kept if the whole interval keeps it.
    """
    session.failed = NOT_CHECKED
    from fairfactor.run_folder import RunFolder
    from fairfactor.studies.gate import check_constraints, worst_outcome

    metrics = RunFolder.open(path).metrics
    texts = [text for text in (constraint or "").split(",") if text.strip()]
    checked = check_constraints(metrics, texts, confidence=confidence)
    outcome = worst_outcome(checked)
    machine = {"outcome": outcome, "constraints": [one.to_json() for one in checked]}
    session.show("\n".join(one.reason for one in checked), machine)
    session.end(EXIT_CODES[outcome])


@with_session
def report(
    session: Session,
    paths: Annotated[
        list[Path], typer.Argument(help="One run, or several to compare.", metavar="RUN...")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Page to write; for one run that in its folder if unset.")
    ] = None,
) -> None:
    """Write the report page of a run again, or one page about several, and print its path.

    Several runs are compared by the models that they keep: same data, same target.
    """
    from fairfactor.run_folder import RunFolder, render_side_by_side

    if len(paths) == 1:
        page = RunFolder.open(paths[0]).render(out)
    else:
        page = render_side_by_side(paths, out)
    session.show(str(page), {"report": str(page)})


@with_session
def card(
    session: Session,
    path: RunPath,
    out: Annotated[
        Path | None, typer.Option(help="File to write; model/README.md of the run if unset.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an edited card.")] = False,
) -> None:
    """Write the model card of a run, in Markdown for people and the Hugging Face Hub.

    Every run that keeps a model has one. Its intended use is left for you to fill in.
    """
    from fairfactor.run_folder import RunFolder

    written = RunFolder.open(path).write_card(out, overwrite=overwrite)
    session.show(str(written), {"card": str(written)})


@with_session
def figures(
    session: Session,
    path: RunPath,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("figures"),
) -> None:
    """Write the charts of a run for a paper: SVG, and PNG with fairfactor[figures]."""
    from fairfactor.report.figures.write import HOW_TO_GET_PNG, write_figures
    from fairfactor.run_folder import RunFolder

    written = write_figures(RunFolder.open(path).metrics, out)
    names = [str(file) for file in written.files]
    lines = names if written.png else [*names, HOW_TO_GET_PNG]
    session.show("\n".join(lines), {"figures": names, "png": written.png})


@with_session
def info(
    session: Session,
    path: Annotated[
        Path | None, typer.Argument(help="A run to describe.", metavar="[RUN]", show_default=False)
    ] = None,
) -> None:
    """Describe this installation, or a run."""
    if path is None:
        facts = describe_installation()
        session.show(as_lines(facts), facts)
        return
    from fairfactor.run_folder import RunFolder

    folder = RunFolder.open(path)
    if not session.json:
        print_results(session.output, folder.metrics)
    session.show(f"\nReport: {folder.report}", {"config": folder.config, "metrics": folder.metrics})
