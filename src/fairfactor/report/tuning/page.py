"""The page about tuning: what ``fairfactor tune`` reports."""

from __future__ import annotations

from collections.abc import Mapping

from fairfactor.report.calibration import calibration_section
from fairfactor.report.contents import Contents, groups_in_words
from fairfactor.report.diagnosis import diagnosis_section
from fairfactor.report.rerun import rerun_command
from fairfactor.report.run import RATES
from fairfactor.report.tuning.details import group_names, point_details
from fairfactor.report.tuning.dumbbells import dumbbells
from fairfactor.report.tuning.layers import direction_rows, readabilities
from fairfactor.report.tuning.read import read_tuning
from fairfactor.report.tuning.run import ACCURACY, TuningRun
from fairfactor.report.tuning.tables import (
    asked_rows,
    point_rows,
    rate_axes,
    rate_tables,
)
from fairfactor.report.tuning.training import pretraining_curve
from fairfactor.report.tuning.views import frontier_views, legend
from fairfactor.report.wording import counted, listed

CONSTRAINT_OPTIONS = frozenset({"constraint", "constraints"})


def tuning_contents(metrics: Mapping[str, object], config: Mapping[str, object]) -> Contents:
    """Put a tuning together.

    Args:
        metrics: The contents of ``metrics.json``.
        config: The flat configuration of the run.

    Returns:
        What the page shows.
    """
    run = read_tuning(metrics)
    details = point_details(run)
    active = _active(run)
    columns = run.ordered_metrics
    others = {name: value for name, value in config.items() if name not in CONSTRAINT_OPTIONS}
    readable = readabilities(run)
    sections = [("explorer", "Frontier"), ("rates", "Rates by group")]
    diagnosed = diagnosis_section(metrics, f"the {run.choice} point")
    calibrated = calibration_section(metrics, ("unmitigated", run.choice))
    sections += [("calibration", "Calibration")] if calibrated else []
    sections += [("diagnosis", "Kept model")] if diagnosed else []
    sections += [("layers", "Layers")] if readable else []
    pretraining = pretraining_curve(run)
    sections += [("training", "Training")] if pretraining else []
    return Contents(
        run=run,
        template="tuning/page.html.j2",
        command="tune",
        heading=(
            f"Predicting {run.data.target} on {run.data.name}: accuracy against gaps by "
            f"{listed(run.data.sensitive_features)}"
        ),
        summary=_summary(run),
        sections=[*sections, ("points", "Points")],
        values={
            "active": active,
            "asked": asked_rows(run),
            "views": frontier_views(run, active),
            "legend": legend(run),
            "detail": details[active],
            "unmitigated": details[-1],
            "details": [detail.as_json() for detail in details],
            "metric_places": _metric_places(run),
            "names": group_names(run),
            "dumbbells": dumbbells(run, details[-1], details[active]),
            "counted_by_class": any(g.confusion for g in run.unmitigated.groups),
            "rates": RATES,
            "rate_axes": rate_axes(run),
            "rate_tables": rate_tables(run),
            "readabilities": readable,
            "direction_rows": direction_rows(run),
            "calibrated": calibrated,
            "diagnosed": diagnosed,
            "pretraining": pretraining,
            "columns": columns,
            "frontier_rows": (
                point_rows(run, run.frontier(run.gaps[0]), columns) if run.gaps else ()
            ),
            "point_rows": point_rows(run, range(len(run.points)), columns),
            "tune_again": rerun_command(others, "tune"),
        },
        styles=("plane.css", "multiples.css", "tuning.css"),
        scripts=("explorer.js",),
    )


def _active(run: TuningRun) -> int:
    """The point to show at first; the index after the last one is the unmitigated model."""
    if run.chosen is not None:
        return run.chosen
    frontier = run.frontier(run.gaps[0]) if run.gaps else ()
    return frontier[0] if frontier else len(run.points)


def _metric_places(run: TuningRun) -> dict[str, int]:
    """Where each metric stands in the details of a point; accuracy may be missing."""
    return {ACCURACY: -1} | {metric.key: i for i, metric in enumerate(run.ordered_metrics)}


def _summary(run: TuningRun) -> str:
    """What was run, in one sentence."""
    data = run.data
    recipes = len({point.recipe for point in run.points})
    return (
        f"This run tunes a pre-trained network on {counted(data.splits.get('train'), 'row')} of "
        f"{data.name} to predict {data.target} (positive class {data.positive_class}). It makes "
        f"{counted(len(run.points), 'operating point')} by {counted(recipes, 'recipe')}, chooses "
        f"among them on {counted(data.splits.get('validation'), 'validation row')}, and measures "
        f"them by {groups_in_words(data)} on {counted(data.splits.get('test'), 'test row')}."
    )
