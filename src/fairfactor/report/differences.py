"""Paired differences of every method to the references."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import cell_interval
from fairfactor.report.run import NO_ESTIMATE, Estimate, Metric, Run
from fairfactor.report.scale import Scale
from fairfactor.report.wording import fixed, significant, whole


@dataclass(frozen=True)
class DifferenceCell:
    """A paired difference; ``tag`` says better or worse if the interval excludes zero."""

    value: str
    interval: str
    p_value: str
    tag: str
    chart: Markup


@dataclass(frozen=True)
class DifferenceTable:
    """Every method's paired differences to one reference."""

    reference: str
    rows: tuple[tuple[str, tuple[DifferenceCell, ...]], ...]
    intervals: int
    excluding_zero: int


def difference_tables(run: Run) -> tuple[DifferenceTable, ...]:
    """Paired differences to each reference, where any were computed.

    Args:
        run: The run.

    Returns:
        One table per reference.
    """
    tables = (_difference_table(run, reference) for reference in run.reference_methods)
    return tuple(table for table in tables if table.rows)


def _difference_table(run: Run, reference: str) -> DifferenceTable:
    compared = [method for method in run.methods if method.differences.get(reference)]
    estimates = [
        [method.differences[reference].get(metric.key, NO_ESTIMATE) for metric in run.metrics]
        for method in compared
    ]
    scales = [
        Scale.around_zero(
            [value for row in estimates for value in row[column].parts],
            least_span=metric.least_span,
        )
        for column, metric in enumerate(run.metrics)
    ]
    flat = [estimate for row in estimates for estimate in row]
    return DifferenceTable(
        reference=_reference_label(run, reference),
        rows=tuple(
            (
                method.label,
                tuple(
                    _difference_cell(estimate, metric, scale)
                    for estimate, metric, scale in zip(row, run.metrics, scales, strict=True)
                ),
            )
            for method, row in zip(compared, estimates, strict=True)
        ),
        intervals=sum(estimate.has_interval for estimate in flat),
        excluding_zero=sum(estimate.excludes_zero for estimate in flat),
    )


def _difference_cell(estimate: Estimate, metric: Metric, scale: Scale) -> DifferenceCell:
    tag = ""
    if estimate.excludes_zero and estimate.high is not None:
        tag = "better" if (estimate.high < 0) == metric.lower_is_better else "worse"
    interval = ""
    if estimate.has_interval:
        interval = f"{_end(estimate.low, metric, tag)} to {_end(estimate.high, metric, tag)}"
    return DifferenceCell(
        value=fixed(estimate.mean, metric.digits, signed=True),
        interval=interval,
        p_value=_p_value(estimate.p_value),
        tag=tag,
        chart=cell_interval(estimate, scale, zero_line=True),
    )


def _end(value: float | None, metric: Metric, tag: str) -> str:
    """An end of an interval; one that excludes zero is not rounded to zero."""
    if tag and value and round(value, metric.digits) == 0:
        return ("+" if value > 0 else "") + significant(value, 1)
    return fixed(value, metric.digits, signed=True)


def _p_value(value: float | None) -> str:
    if value is None:
        return ""
    return "p < 0.001" if value < 0.001 else f"p = {significant(value)}"


def _reference_label(run: Run, reference: str) -> str:
    found = [m for m in run.methods if reference in {m.method, m.identifier}]
    if not found:
        return reference
    label = found[0].label
    if len(found) == 1 or found[0].rank is None:
        return label
    return f"{label.removesuffix(f', rank {whole(found[0].rank)}')} of the same rank"
