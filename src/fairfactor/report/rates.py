"""Rates of each group under each method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.groups import INTERSECTION
from fairfactor.report.charts import cell_interval
from fairfactor.report.run import RATES, Estimate, GroupRates, MethodResult, Run
from fairfactor.report.scale import Scale
from fairfactor.report.wording import fixed, whole

DIGITS = 3
LEAST_SPAN = 0.05  # of the axis of a rate


@dataclass(frozen=True)
class RateCell:
    """A rate with its interval."""

    value: str
    interval: str
    chart: Markup


@dataclass(frozen=True)
class RateRow:
    """One group."""

    name: str
    count: str
    is_small: bool
    cells: tuple[RateCell, ...]


@dataclass(frozen=True)
class RateTable:
    """All groups under one method.

    Attributes:
        label: The method.
        parts: Names of sensitive features with the rows of their groups: with several features
            each alone, then their intersections, which are the groups of the run.
    """

    label: str
    parts: tuple[tuple[str, tuple[RateRow, ...]], ...]


def rate_axes(run: Run) -> tuple[Scale, ...]:
    """The axis of each rate, shared by all methods so that they can be compared.

    Args:
        run: The run.

    Returns:
        One axis for each of `RATES`.
    """
    return tuple(
        Scale.covering(
            [
                part
                for method in run.methods
                for group in _all_groups(method)
                for part in group.rates[rate].parts
            ],
            least_span=LEAST_SPAN,
        )
        for rate in RATES
    )


def rate_tables(run: Run) -> tuple[RateTable, ...]:
    """One table for each method.

    Args:
        run: The run.

    Returns:
        The tables in the order of the methods.
    """
    axes = rate_axes(run)
    crossed = INTERSECTION.join(run.data.sensitive_features)
    return tuple(
        RateTable(
            label=method.label,
            parts=(
                *((part.feature, _rows(part.groups, axes)) for part in method.single_features),
                (crossed, _rows(method.groups, axes)),
            ),
        )
        for method in run.methods
    )


def _all_groups(method: MethodResult) -> list[GroupRates]:
    return [*method.groups, *(group for part in method.single_features for group in part.groups)]


def _rows(groups: Sequence[GroupRates], axes: tuple[Scale, ...]) -> tuple[RateRow, ...]:
    return tuple(
        RateRow(
            name=group.name,
            count=whole(group.count),
            is_small=group.is_small,
            cells=tuple(
                _cell_of(group.rates[rate], axis) for rate, axis in zip(RATES, axes, strict=True)
            ),
        )
        for group in groups
    )


def _cell_of(estimate: Estimate, axis: Scale) -> RateCell:
    interval = ""
    if estimate.has_interval:
        interval = f"{fixed(estimate.low, DIGITS)} to {fixed(estimate.high, DIGITS)}"
    return RateCell(fixed(estimate.mean, DIGITS), interval, cell_interval(estimate, axis))
