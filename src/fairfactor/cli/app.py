"""The commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import typer

import fairfactor
from fairfactor.cli.options import with_config_options, with_session
from fairfactor.cli.session import Session
from fairfactor.cli.tables import (
    as_lines,
    describe_installation,
    print_plan,
    print_results,
    print_study,
)
from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.errors import ArgumentError
from fairfactor.settings import Settings, check_choice
from fairfactor.studies.reported import json_safe
from fairfactor.tune_config import TuneConfig

if TYPE_CHECKING:
    from fairfactor.run_folder import RunFolder

app = typer.Typer(
    name="fairfactor",
    help="Fine-tune pre-trained models and answer for how they treat different groups of people.",
    epilog="Exit codes: 0 done, 1 it could not be done (one line says why), 2 wrong usage, "
    "130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Out = Annotated[
    Path | None, typer.Option(help="New folder for the results; a free one in runs/ if unset.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an older run.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Take what an interrupted attempt has finished.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")
]
Workers = Annotated[
    int | None, typer.Option(help="Processes; one for each processor if unset.", min=1)
]
Command = Literal["run", "tune", "compare"]
CONFIGS: dict[Command, type[Settings]] = {
    "run": RunConfig,
    "tune": TuneConfig,
    "compare": CompareConfig,
}
EXIT_CODES = {"kept": 0, "violated": 1, "undecided": 3}
NOT_CHECKED = 2
REPRODUCTION = Path("runs/reproduction")
RunPath = Annotated[Path, typer.Argument(help="Folder that fairfactor run wrote.", metavar="RUN")]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(fairfactor.__version__)
        raise typer.Exit


@app.command()
@with_session
@with_config_options
def run(
    session: Session,
    config: RunConfig,
    out: Out = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    dry_run: DryRun = False,
    workers: Workers = None,
) -> None:
    """Compare the methods on a data set, and write results, a report and a model.

    Without options this is the paper's experiment on Adult. Lists are separated by commas.
    """
    from fairfactor.run import execute

    if dry_run:
        _show_plan(session, config, workers)
        return
    with session.progress("Seeds", config.seeds) as advance:
        folder = execute(
            config, out, overwrite=overwrite, resume=resume, workers=workers, on_seed=advance
        )
    metrics = folder.metrics
    _show_run(
        session,
        folder,
        metrics,
        methods={method["id"]: method["summary"] for method in metrics["methods"]},
    )


@app.command()
@with_session
@with_config_options
def tune(
    session: Session,
    config: TuneConfig,
    out: Out = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    dry_run: DryRun = False,
) -> None:
    """Find the most accurate model that keeps your constraints, or explore what is possible.

    For example: fairfactor tune --data people.csv --target hired --sensitive gender --constraint
    "equalized_odds<=0.05,accuracy>=0.8". No group is needed at prediction, unless you allow it with
    --groups-at-prediction: decisions that use a sensitive feature are unlawful in many places.
    """
    from fairfactor.run import execute_tuning

    if dry_run:
        _show_plan(session, config)
        return
    with session.steps() as step:
        folder = execute_tuning(config, out, overwrite=overwrite, resume=resume, on_progress=step)
    metrics = folder.metrics
    _show_run(
        session,
        folder,
        metrics,
        met=metrics["met"],
        unmitigated=metrics["unmitigated"],
        chosen=metrics["points"][metrics["chosen"]],
    )


@app.command()
@with_session
@with_config_options
def compare(
    session: Session,
    config: CompareConfig,
    out: Out = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    dry_run: DryRun = False,
    workers: Workers = None,
) -> None:
    """Compare our operating points with those of other methods, on the same rows and backbones.

    A peer whose package is not installed is a visible gap; requirements/peers.txt has them all.
    """
    from fairfactor.run import execute_comparison

    if dry_run:
        _show_plan(session, config, workers)
        return
    with session.progress("Seeds", config.seeds) as advance:
        folder = execute_comparison(
            config, out, overwrite=overwrite, resume=resume, workers=workers, on_seed=advance
        )
    metrics = folder.metrics
    _show_run(
        session,
        folder,
        metrics,
        duels=metrics["duels"],
    )


@app.command()
@with_session
def init(
    session: Session,
    command: Annotated[Command, typer.Argument(help="The command that will take it.")] = "tune",
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("fairfactor.toml"),
) -> None:
    """Write a commented file of all options, for --config."""
    from fairfactor.config_file import config_template
    from fairfactor.files import atomic_write_text

    if out.exists():
        raise ArgumentError("out", str(out), "a new file", "Choose another --out, or remove it.")
    if out.suffix.lower() in {".yaml", ".yml"}:  # --config would read it as YAML
        raise ArgumentError("out", str(out), "a name that ends with .toml", "init writes TOML.")
    atomic_write_text(out, config_template(CONFIGS[command], command, out.name))
    text = f"Edit {out}, then: fairfactor {command} --config {out}"
    session.show(text, {"out": str(out), "command": command})


@app.command()
@with_session
def schema(
    session: Session,
    command: Annotated[Command, typer.Argument(help="The command that takes the file.")] = "tune",
) -> None:
    """Print the JSON schema of a file of options, for editors."""
    from fairfactor.config_file import config_schema

    described = config_schema(CONFIGS[command])
    session.show(json.dumps(described, indent=2, ensure_ascii=False), described)


@app.command()
@with_session
def reproduce(
    session: Session,
    names: Annotated[
        list[str] | None, typer.Argument(help="Studies, such as figure-4.", metavar="[NAME]...")
    ] = None,
    all: Annotated[bool, typer.Option("--all", help="Every study.")] = False,
    seeds: Annotated[int, typer.Option(help="Number of runs of each cell.", min=1)] = 10,
    first_seed: Annotated[int, typer.Option(help="Seed of the first run.", min=0)] = 0,
    results: Annotated[Path, typer.Option(help="Folder for the results.")] = REPRODUCTION,
    cells: Annotated[
        Path, typer.Option(help="Folder for finished cells, so that a later call goes on.")
    ] = REPRODUCTION / "cells",
    page: Annotated[
        Path | None, typer.Option(help="Also write the page from all results there are.")
    ] = None,
    workers: Workers = None,
) -> None:
    """Run the paper's tables and figures again, and say what holds.

    Finished cells are kept: stop it whenever you like, and the same command goes on. With --page
    and neither names nor --all, only the page is written.
    """
    from fairfactor.reproduction.execute import chosen_studies
    from fairfactor.reproduction.execute import reproduce as execute
    from fairfactor.reproduction.page import write_page
    from fairfactor.reproduction.results import load_results

    found = []
    if names or all or page is None:
        studies = chosen_studies(names or (), everything=all)
        with session.progress("Seeds, then times", 2 * seeds) as advance:
            found = execute(
                studies,
                seeds=seeds,
                first_seed=first_seed,
                results=results,
                cells=cells,
                workers=workers,
                on_seed=advance,
            )
    if not session.json:
        for study in found:
            print_study(session.output, study)
    written = [] if page is None else write_page(load_results(results), page)
    text = f"Results: {results}" if found else ""
    session.show(
        "\n".join(filter(None, (text, f"Page: {page}" if written else ""))),
        {"results": str(results), "studies": found, "page": [str(path) for path in written]},
    )


@app.command()
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
    from fairfactor.prediction import predict_file
    from fairfactor.run import load_table_model

    check_choice("unknown_groups", unknown_groups, get_args(UnknownGroups))
    parts = predict_file(
        load_table_model(model, factory), table, cast("UnknownGroups", unknown_groups)
    )
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


def _show_plan(
    session: Session,
    config: RunConfig | TuneConfig | CompareConfig,
    workers: int | None = None,
) -> None:
    """Print what a command would do."""
    from fairfactor.run import plan

    planned = plan(config, workers)
    if not session.json:
        print_plan(session.output, planned)
    else:
        session.show("", json_safe(asdict(planned)))


def _show_run(session: Session, folder: RunFolder, metrics: Mapping[str, Any], **more: Any) -> None:
    """Print the results of a run that has just been made, and where its report is."""
    if not session.json:
        print_results(session.output, metrics)
    machine = {
        "run": str(folder.path),
        "report": str(folder.report),
        "verdict": metrics["verdict"],
        "findings": metrics["findings"],
        "diagnosis": metrics.get("diagnosis"),
    }
    session.show(f"\nReport: {folder.report}", {**machine, **more})


def main() -> None:
    """Run the command line."""
    app()
