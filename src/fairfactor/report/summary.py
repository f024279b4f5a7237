"""The table of means: every metric for every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairfactor.report.run import NO_ESTIMATE, MethodResult, Metric, Run
from fairfactor.report.wording import fixed, whole


@dataclass(frozen=True)
class SummaryCell:
    """A mean and its spread; ``best`` if no other method's interval reaches this one's."""

    value: str
    spread: str
    best: bool


@dataclass(frozen=True)
class SummaryRow:
    """One method over all metrics."""

    label: str
    cells: tuple[SummaryCell, ...]
    trained_parameters: str
    total_parameters: str
    seconds: str


def summary_rows(run: Run) -> tuple[SummaryRow, ...]:
    """Mean and standard deviation of every metric for every method.

    Args:
        run: The run.

    Returns:
        One row per method.
    """
    best = {metric.key: _clear_best(run.methods, metric) for metric in run.metrics}
    return tuple(
        SummaryRow(
            label=method.label,
            cells=tuple(
                _summary_cell(method, metric, best=best[metric.key] == index)
                for metric in run.metrics
            ),
            trained_parameters=whole(method.trained_parameters),
            total_parameters=whole(method.total_parameters),
            seconds=fixed(method.seconds, 2),
        )
        for index, method in enumerate(run.methods)
    )


def _summary_cell(method: MethodResult, metric: Metric, *, best: bool) -> SummaryCell:
    estimate = method.summary.get(metric.key, NO_ESTIMATE)
    spread = "" if estimate.sd is None else f"± {fixed(estimate.sd, metric.digits)}"
    return SummaryCell(fixed(estimate.mean, metric.digits), spread, best)


def _clear_best(methods: Sequence[MethodResult], metric: Metric) -> int | None:
    """The method whose interval lies wholly on the better side of all the others."""
    estimates = [method.summary.get(metric.key, NO_ESTIMATE) for method in methods]
    if len(estimates) < 2:
        return None
    sign = 1 if metric.lower_is_better else -1
    ends = []
    for estimate in estimates:
        if estimate.low is None or estimate.high is None:
            return None
        ends.append(sorted((sign * estimate.low, sign * estimate.high)))
    leader = min(range(len(ends)), key=lambda index: ends[index][1])
    others = [low for index, (low, _) in enumerate(ends) if index != leader]
    return leader if ends[leader][1] < min(others) else None
