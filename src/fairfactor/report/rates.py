"""Rates of each group under each method."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import cell_interval
from fairfactor.report.run import RATES, Estimate, Run
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
    cells: tuple[RateCell, ...]


@dataclass(frozen=True)
class RateTable:
    """All groups under one method."""

    label: str
    rows: tuple[RateRow, ...]


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
                for group in method.groups
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
    return tuple(
        RateTable(
            label=method.label,
            rows=tuple(
                RateRow(
                    name=group.name,
                    count=whole(group.count),
                    cells=tuple(
                        _cell_of(group.rates[rate], axis)
                        for rate, axis in zip(RATES, axes, strict=True)
                    ),
                )
                for group in method.groups
            ),
        )
        for method in run.methods
    )


def _cell_of(estimate: Estimate, axis: Scale) -> RateCell:
    interval = ""
    if estimate.has_interval:
        interval = f"{fixed(estimate.low, DIGITS)} to {fixed(estimate.high, DIGITS)}"
    return RateCell(fixed(estimate.mean, DIGITS), interval, cell_interval(estimate, axis))
