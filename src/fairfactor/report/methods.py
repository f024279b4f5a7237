"""The comparison of methods: what ``fairfactor run`` reports."""

from __future__ import annotations

from collections.abc import Mapping

from fairfactor.report.calibration import calibration_section
from fairfactor.report.contents import Contents, groups_in_words
from fairfactor.report.curves import training_curves
from fairfactor.report.diagnosis import diagnosis_section
from fairfactor.report.differences import difference_tables
from fairfactor.report.importance import importance_figure
from fairfactor.report.panels import line_reference, panels
from fairfactor.report.rates import rate_axes, rate_tables
from fairfactor.report.read import read_run
from fairfactor.report.run import RATES, Run
from fairfactor.report.summary import summary_rows
from fairfactor.report.wording import counted, listed


def methods_contents(metrics: Mapping[str, object], config: Mapping[str, object]) -> Contents:
    """Put a comparison of methods together.

    Args:
        metrics: The contents of ``metrics.json``.
        config: The flat configuration of the run.

    Returns:
        What the page shows.
    """
    run = read_run(metrics)
    figure = importance_figure(run.importance) if run.importance else None
    kept = run.methods[-1].label if run.methods else ""
    diagnosed = diagnosis_section(
        metrics, f"{kept} on the first seed" if kept else "the last method on the first seed"
    )
    calibrated = calibration_section(metrics, ("pre-trained", kept or "kept"))
    curves = training_curves(run)
    sections = [("comparison", "Comparison"), ("numbers", "Numbers")]
    sections += [("importance", "Group Fisher")] if figure else []
    return Contents(
        run=run,
        template="methods.html.j2",
        command="run",
        heading=(
            f"Predicting {run.data.target} on {run.data.name}, "
            f"compared by {listed(run.data.sensitive_features)}"
        ),
        summary=_summary(run, config),
        sections=[
            *sections,
            ("rates", "Rates by group"),
            *([("calibration", "Calibration")] if calibrated else []),
            *([("diagnosis", "Kept model")] if diagnosed else []),
            *([("training", "Training")] if curves else []),
        ],
        values={
            "panels": panels(run),
            "summary_rows": summary_rows(run),
            "difference_tables": difference_tables(run),
            "line_reference": line_reference(run),
            "figure": figure,
            "calibrated": calibrated,
            "curves": curves,
            "diagnosed": diagnosed,
            "rates": RATES,
            "rate_axes": rate_axes(run),
            "rate_tables": rate_tables(run),
        },
        styles=("plane.css", "multiples.css"),
    )


def _summary(run: Run, config: Mapping[str, object]) -> str:
    """What was run, in one sentence."""
    data = run.data
    hidden = config.get("hidden")
    layers = ""
    if isinstance(hidden, (list, tuple)) and hidden:
        layer = "a hidden layer" if len(hidden) == 1 else "hidden layers"
        layers = f" with {layer} of {listed([str(width) for width in hidden])} units"
    return (
        f"This run fine-tunes {counted(len(run.methods), 'variant')} of a pre-trained "
        f"network{layers} on {counted(data.splits.get('train'), 'row')} of {data.name} to predict "
        f"{data.target} (positive class {data.positive_class}), and compares them by "
        f"{groups_in_words(data)} on "
        f"{counted(data.splits.get('test'), 'test row')}, with {counted(run.seed_count, 'seed')} "
        "each."
    )
