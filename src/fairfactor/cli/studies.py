"""The commands that make runs and reproduce studies."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairfactor.cli.options import with_config_options, with_session
from fairfactor.cli.session import Session
from fairfactor.cli.tables import print_plan, print_results, print_study
from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.studies.reported import json_safe
from fairfactor.tune_config import TuneConfig

if TYPE_CHECKING:
    from fairfactor.run_folder import RunFolder

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
REPRODUCTION = Path("runs/reproduction")


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
    folder = _by_seeds(
        session, execute, config, out, overwrite=overwrite, resume=resume, workers=workers
    )
    metrics = folder.metrics
    _show_run(
        session,
        folder,
        metrics,
        methods={method["id"]: method["summary"] for method in metrics["methods"]},
    )


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
    folder = _by_seeds(
        session,
        execute_comparison,
        config,
        out,
        overwrite=overwrite,
        resume=resume,
        workers=workers,
    )
    metrics = folder.metrics
    _show_run(
        session,
        folder,
        metrics,
        duels=metrics["duels"],
    )


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
    root: Annotated[
        Path | None,
        typer.Option(help="Folder with lfwa and utkface in it, for the studies of images."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Folder of a ResNet-18 from fairfactor pretrain, for the images too."),
    ] = None,
    workers: Workers = None,
) -> None:
    """Run the paper's tables and figures again, and say what holds.

    Finished cells are kept: stop it whenever you like, and the same command goes on. With --page
    and neither names nor --all, only the page is written.
    """
    from fairfactor.reproduction.execute import chosen_studies
    from fairfactor.reproduction.execute import reproduce as execute
    from fairfactor.reproduction.image_data import ROOT, WEIGHTS
    from fairfactor.reproduction.page import write_page
    from fairfactor.reproduction.results import load_results

    for name, folder in ((ROOT, root), (WEIGHTS, weights)):
        if folder is not None:
            os.environ[name] = str(folder.resolve())  # other processes inherit it
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


def _by_seeds(
    session: Session,
    execute: Callable[..., RunFolder],
    config: RunConfig | CompareConfig,
    out: Path | None,
    **options: Any,
) -> RunFolder:
    """Do work that goes seed by seed, and show how far it is."""
    with session.progress("Seeds", config.seeds) as advance:
        return execute(config, out, on_seed=advance, on_rows=advance.before("Features"), **options)


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
