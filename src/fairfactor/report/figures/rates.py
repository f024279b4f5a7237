"""Rates of each group before and after mitigation, for any run that says both."""

from __future__ import annotations

from collections.abc import Sequence

from fairfactor.report.charts import AXIS_HEIGHT, ROW_HEIGHT
from fairfactor.report.figures.sheet import Panel, Sheet
from fairfactor.report.rates import LEAST_SPAN
from fairfactor.report.run import NO_ESTIMATE, RATES, Estimate, GroupRates
from fairfactor.report.scale import Scale
from fairfactor.report.tuning.details import DIGITS, Shift
from fairfactor.report.tuning.dumbbells import AFTER_SERIES, dumbbell_chart
from fairfactor.report.wording import fixed

WIDTH = 340.0
NAMES = {
    "selection_rate": "Selection rate: predicted positive",
    "true_positive_rate": "True positive rate: of the positives",
    "false_positive_rate": "False positive rate: of the negatives",
    "accuracy": "Accuracy: predicted right",
}


def rates_sheet(
    before: Sequence[GroupRates], after: Sequence[GroupRates], names: tuple[str, str], title: str
) -> Sheet:
    """Draw each rate as dumbbells.

    Args:
        before: The groups under one model.
        after: The groups under another.
        names: What the two models are called.
        title: What the figure shows.

    Returns:
        The figure.
    """
    groups = list(dict.fromkeys(group.name for group in (*before, *after)))
    return Sheet(
        name="rates-before-after",
        title=title,
        panels=[_panel(before, after, groups, rate) for rate in RATES],
        columns=2,
        legend=[(AFTER_SERIES, names[1])],
        notes=[f"○ {names[0]}. Test rows; pale bars are 95 % intervals."],
    )


def _panel(
    before: Sequence[GroupRates], after: Sequence[GroupRates], groups: Sequence[str], rate: str
) -> Panel:
    estimates = [[_of(one, name, rate) for name in groups] for one in (before, after)]
    parts = [part for row in estimates for estimate in row for part in estimate.parts]
    axis = Scale.covering(parts, least_span=LEAST_SPAN)
    old, new = ([_shift(estimate, axis) for estimate in row] for row in estimates)
    return Panel(
        title=NAMES[rate],
        chart=dumbbell_chart(old, new, axis),
        width=WIDTH,
        height=ROW_HEIGHT * len(groups) + AXIS_HEIGHT,
        rows=[
            (name, f"{was.text} → {now.text}")
            for name, was, now in zip(groups, old, new, strict=True)
        ],
    )


def _of(groups: Sequence[GroupRates], name: str, rate: str) -> Estimate:
    found = (group.rates[rate] for group in groups if group.name == name)
    return next(found, NO_ESTIMATE)


def _shift(estimate: Estimate, axis: Scale) -> Shift:
    if estimate.mean is None:
        return Shift(fixed(None, DIGITS), None, None, None)
    low, high = (estimate.mean if end is None else end for end in estimate.parts[::2])
    places = (axis.position(value) for value in (low, estimate.mean, high))
    return Shift(fixed(estimate.mean, DIGITS), *places)
