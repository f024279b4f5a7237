"""What the explorer says about each point, as the texts and positions that fill its slots.

The page shows one point at a time. Its script only puts these values in their places, so numbers
are rounded and worded here alone.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from fairfactor.report.run import RATES, Estimate, Metric
from fairfactor.report.scale import Scale
from fairfactor.report.tuning.run import Confusion, GroupOutcome, OperatingPoint, TuningRun
from fairfactor.report.wording import fixed, whole

DIGITS = 3
LEAST_SPAN = 0.05  # of the axis of a rate


@dataclass(frozen=True)
class Shift:
    """A rate of a group: its text, and the positions of its interval and value in percent."""

    text: str
    low: float | None
    middle: float | None
    high: float | None


@dataclass(frozen=True)
class Detail:
    """One point.

    Attributes:
        texts: Its texts by slot.
        gaps: Its value for each gap on the validation rows.
        constraints: The constraint that leads to it for each gap; empty off that frontier.
        metrics: For each metric its value and interval on test rows, then on validation rows.
        rates: For each rate and each group, where it lies.
        confusion: For each group the counts of true positives, false negatives, false positives
            and true negatives.
    """

    texts: dict[str, str]
    gaps: tuple[float | None, ...]
    constraints: tuple[str, ...]
    metrics: tuple[tuple[str, str, str, str], ...]
    rates: tuple[tuple[Shift, ...], ...]
    confusion: tuple[tuple[str, str, str, str], ...]

    def as_json(self) -> dict[str, Any]:
        """The fields as the script reads them."""
        shifts = [
            [[shift.text, shift.low, shift.middle, shift.high] for shift in row]
            for row in self.rates
        ]
        return asdict(self) | {"rates": shifts}


def group_names(run: TuningRun) -> tuple[str, ...]:
    """The groups that the points have rates for.

    Args:
        run: The tuning.

    Returns:
        Their names, in the order of the unmitigated model.
    """
    points = (run.unmitigated, *run.points)
    return tuple(dict.fromkeys(group.name for point in points for group in point.groups))


def shift_axes(run: TuningRun) -> tuple[Scale, ...]:
    """The axis of each rate, shared by all points so that a point moves on it.

    Args:
        run: The tuning.

    Returns:
        One axis for each of `RATES`.
    """
    groups = [group for point in (run.unmitigated, *run.points) for group in point.groups]
    return tuple(
        Scale.covering(
            [group.rates[rate].mean for group in groups]
            + [part for group in run.unmitigated.groups for part in group.rates[rate].parts],
            least_span=LEAST_SPAN,
        )
        for rate in RATES
    )


def point_details(run: TuningRun) -> tuple[Detail, ...]:
    """Word every point.

    Args:
        run: The tuning.

    Returns:
        One detail for each point, and last that of the unmitigated model.
    """
    axes, names = shift_axes(run), group_names(run)
    numbered = [*enumerate(run.points), (len(run.points), run.unmitigated)]
    return tuple(_detail(run, point, index, axes, names) for index, point in numbered)


def _detail(
    run: TuningRun,
    point: OperatingPoint,
    index: int,
    axes: tuple[Scale, ...],
    names: tuple[str, ...],
) -> Detail:
    outcomes = {group.name: group for group in point.groups}
    groups = [outcomes.get(name) for name in names]
    return Detail(
        texts=_texts(run, point, index),
        gaps=tuple(point.estimate("validation", gap.key).mean for gap in run.gaps),
        constraints=tuple(_constraint(run, point, gap) for gap in run.gaps),
        metrics=tuple(
            (
                *value_and_interval(point.estimate("test", metric.key), metric.digits),
                *value_and_interval(point.estimate("validation", metric.key), metric.digits),
            )
            for metric in run.ordered_metrics
        ),
        rates=tuple(
            tuple(_shift(group, rate, axis) for group in groups)
            for rate, axis in zip(RATES, axes, strict=True)
        ),
        confusion=tuple(_counts(group.confusion if group else None) for group in groups),
    )


def value_and_interval(estimate: Estimate, digits: int = DIGITS) -> tuple[str, str]:
    """An estimate in words.

    Args:
        estimate: The estimate.
        digits: Decimal places.

    Returns:
        Its value, and its interval as in ``0.1 to 0.2``, empty if there is none.
    """
    if not estimate.has_interval:
        return fixed(estimate.mean, digits), ""
    interval = f"{fixed(estimate.low, digits)} to {fixed(estimate.high, digits)}"
    return fixed(estimate.mean, digits), interval


def _texts(run: TuningRun, point: OperatingPoint, index: int) -> dict[str, str]:
    total = len(run.points)
    place = "Unmitigated model" if index == total else f"Point {index + 1} of {total}"
    saved = "not saved; tuning again with its constraint makes it"
    return {
        "place": f"{place}, the {run.choice} one" if index == run.chosen else place,
        "recipe": point.recipe_label,
        "setting": point.setting,
        "trained": f"{whole(point.trained_parameters)} of {whole(point.total_parameters)}",
        "asks": "yes, for every row" if point.groups_at_prediction else "no",
        "model": saved if point.model is None else f"saved in {point.model}/",
    }


def _constraint(run: TuningRun, point: OperatingPoint, gap: Metric) -> str:
    """The constraint on a gap that the point is the answer to, in the words of the run."""
    value = point.estimate("validation", gap.key).mean
    if value is None or not point.on_frontier.get(gap.key):
        return ""
    asked = next((c for c in run.constraints if c.metric == gap.key and c.sign in c.text), None)
    name = asked.text.partition(asked.sign)[0].strip() if asked else gap.key
    return f"{name}<={math.ceil(value * 1000 - 1e-9) / 1000:g}"


def _shift(group: GroupOutcome | None, rate: str, axis: Scale) -> Shift:
    estimate = group.rates[rate] if group else None
    if estimate is None or estimate.mean is None:
        return Shift(fixed(None, DIGITS), None, None, None)
    low, high = estimate.low, estimate.high
    ends = [estimate.mean if end is None else end for end in (low, high)]
    places = [min(100.0, max(0.0, axis.position(value))) for value in (*ends, estimate.mean)]
    return Shift(fixed(estimate.mean, DIGITS), places[0], places[2], places[1])


def _counts(confusion: Confusion | None) -> tuple[str, str, str, str]:
    if confusion is None:
        return (fixed(None, 0),) * 4
    return (
        whole(confusion.true_positives),
        whole(confusion.false_negatives),
        whole(confusion.false_positives),
        whole(confusion.true_negatives),
    )
