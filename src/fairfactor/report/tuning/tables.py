"""Tables of the page about tuning: what was asked, rates before and after, points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import cell_interval
from fairfactor.report.run import NO_ESTIMATE, RATES, Metric
from fairfactor.report.scale import Scale
from fairfactor.report.tuning.details import (
    LEAST_SPAN,
    group_names,
    value_and_interval,
)
from fairfactor.report.tuning.run import ACCURACY, Constraint, OperatingPoint, TuningRun
from fairfactor.report.wording import whole


@dataclass(frozen=True)
class Value:
    """A value with its interval, and whether it keeps what was asked."""

    value: str
    interval: str
    kept: bool | None = None


@dataclass(frozen=True)
class AskedRow:
    """A metric that was asked for, and accuracy: before and after."""

    label: str
    asked: str
    before: Value
    validation: Value
    test: Value


@dataclass(frozen=True)
class GroupRow:
    """One group under one model."""

    model: str
    cells: tuple[tuple[str, str, Markup], ...]


@dataclass(frozen=True)
class GroupComparison:
    """One group before and after."""

    name: str
    count: str
    positives: str
    rows: tuple[GroupRow, ...]


@dataclass(frozen=True)
class PointRow:
    """One point: its value on validation and on test rows for each metric."""

    index: int
    point: OperatingPoint
    chosen: bool
    values: tuple[tuple[str, str], ...]


def asked_rows(run: TuningRun) -> tuple[AskedRow, ...]:
    """What was asked, and what came out.

    Args:
        run: The tuning.

    Returns:
        One row for each constraint, and one for accuracy if nothing was asked of it.
    """
    metrics = {metric.key: metric for metric in run.metrics}
    asked = [(metrics.get(c.metric), c) for c in run.constraints]
    rows = [_asked_row(run, metric, c) for metric, c in asked if metric]
    if ACCURACY in metrics and ACCURACY not in {c.metric for c in run.constraints}:
        rows.append(_asked_row(run, metrics[ACCURACY], None))
    return tuple(rows)


def rate_axes(run: TuningRun) -> tuple[Scale, ...]:
    """The axis of each rate, shared by both models.

    Args:
        run: The tuning.

    Returns:
        One axis for each of `RATES`.
    """
    groups = [group for _, point in _compared(run) for group in point.groups]
    return tuple(
        Scale.covering(
            [part for group in groups for part in group.rates[rate].parts], least_span=LEAST_SPAN
        )
        for rate in RATES
    )


def group_rates(run: TuningRun) -> tuple[GroupComparison, ...]:
    """Rates of every group, unmitigated and chosen.

    Args:
        run: The tuning.

    Returns:
        One entry for each group.
    """
    axes = rate_axes(run)
    return tuple(_group_rates(run, name, axes) for name in group_names(run))


def point_rows(
    run: TuningRun, indices: Sequence[int], metrics: Sequence[Metric]
) -> tuple[PointRow, ...]:
    """Points with their metrics.

    Args:
        run: The tuning.
        indices: Which points.
        metrics: Which metrics.

    Returns:
        One row for each point.
    """
    return tuple(
        PointRow(
            index=index,
            point=run.points[index],
            chosen=index == run.chosen,
            values=tuple(
                (
                    value_and_interval(run.points[index].estimate("validation", m.key), m.digits)[
                        0
                    ],
                    value_and_interval(run.points[index].estimate("test", m.key), m.digits)[0],
                )
                for m in metrics
            ),
        )
        for index in indices
    )


def _asked_row(run: TuningRun, metric: Metric, constraint: Constraint | None) -> AskedRow:
    def value(point: OperatingPoint | None, split: str) -> Value:
        estimate = point.estimate(split, metric.key) if point else NO_ESTIMATE
        kept = constraint.keeps(estimate.mean) if constraint else None
        return Value(*value_and_interval(estimate, metric.digits), kept)

    asked = ""
    if constraint:
        sign = constraint.sign.replace("<=", "≤").replace(">=", "≥")
        asked = f"{sign} {constraint.bound:g}" if constraint.bound is not None else "—"
    return AskedRow(
        label=metric.label,
        asked=asked or "as high as possible",
        before=value(run.unmitigated, "test"),
        validation=value(run.chosen_point, "validation"),
        test=value(run.chosen_point, "test"),
    )


def _compared(run: TuningRun) -> list[tuple[str, OperatingPoint]]:
    chosen = [(run.choice, run.chosen_point)] if run.chosen_point else []
    return [("unmitigated", run.unmitigated), *chosen]


def _group_rates(run: TuningRun, name: str, axes: tuple[Scale, ...]) -> GroupComparison:
    rows, count, positives = [], None, None
    for model, point in _compared(run):
        outcome = next((group for group in point.groups if group.name == name), None)
        if outcome:
            count, positives = outcome.count, outcome.positives
        cells = []
        for rate, axis in zip(RATES, axes, strict=True):
            estimate = outcome.rates[rate] if outcome else NO_ESTIMATE
            cells.append((*value_and_interval(estimate), cell_interval(estimate, axis)))
        rows.append(GroupRow(model, tuple(cells)))
    return GroupComparison(name, whole(count), whole(positives), tuple(rows))
