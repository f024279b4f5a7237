"""Tables of the page about tuning: what was asked, rates before and after, points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.groups import INTERSECTION
from fairfactor.report.charts import cell_interval
from fairfactor.report.run import NO_ESTIMATE, RATES, Metric
from fairfactor.report.scale import Scale
from fairfactor.report.tuning.details import LEAST_SPAN, value_and_interval
from fairfactor.report.tuning.run import (
    ACCURACY,
    Constraint,
    GroupOutcome,
    OperatingPoint,
    TuningRun,
)
from fairfactor.report.wording import whole

Compared = Sequence[tuple[str, Sequence[GroupOutcome]]]
"""What each model does to the groups, by what to call it."""


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
    is_small: bool
    rows: tuple[GroupRow, ...]


@dataclass(frozen=True)
class RateTable:
    """Groups by one or several sensitive features."""

    features: str
    groups: tuple[GroupComparison, ...]


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
    groups = [group for _, outcomes in _compared(run) for group in outcomes]
    for feature in run.single_features:
        groups += [*feature.before, *feature.after]
    return tuple(
        Scale.covering(
            [part for group in groups for part in group.rates[rate].parts], least_span=LEAST_SPAN
        )
        for rate in RATES
    )


def rate_tables(run: TuningRun) -> tuple[RateTable, ...]:
    """Rates unmitigated and chosen.

    Args:
        run: The tuning.

    Returns:
        With several sensitive features one table for each alone; then the table of all groups,
        which are their intersections.
    """
    axes = rate_axes(run)
    tables = [
        RateTable(feature.feature, _comparisons(_models(run, feature.before, feature.after), axes))
        for feature in run.single_features
    ]
    crossed = INTERSECTION.join(run.data.sensitive_features)
    return (*tables, RateTable(crossed, _comparisons(_compared(run), axes)))


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


def _compared(run: TuningRun) -> Compared:
    after = run.chosen_point.groups if run.chosen_point else ()
    return _models(run, run.unmitigated.groups, after)


def _models(
    run: TuningRun, before: Sequence[GroupOutcome], after: Sequence[GroupOutcome]
) -> Compared:
    return [("unmitigated", before), *([(run.choice, after)] if run.chosen_point else [])]


def _comparisons(compared: Compared, axes: tuple[Scale, ...]) -> tuple[GroupComparison, ...]:
    """Every group of either model."""
    names = dict.fromkeys(group.name for _, outcomes in compared for group in outcomes)
    return tuple(_comparison(compared, name, axes) for name in names)


def _comparison(compared: Compared, name: str, axes: tuple[Scale, ...]) -> GroupComparison:
    rows, count, positives, is_small = [], None, None, False
    for model, outcomes in compared:
        outcome = next((group for group in outcomes if group.name == name), None)
        if outcome:
            count, positives, is_small = outcome.count, outcome.positives, outcome.is_small
        cells = []
        for rate, axis in zip(RATES, axes, strict=True):
            estimate = outcome.rates[rate] if outcome else NO_ESTIMATE
            cells.append((*value_and_interval(estimate), cell_interval(estimate, axis)))
        rows.append(GroupRow(model, tuple(cells)))
    return GroupComparison(name, whole(count), whole(positives), is_small, tuple(rows))
