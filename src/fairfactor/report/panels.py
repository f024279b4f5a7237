"""The paper's Figure 4 for a run: one chart per metric, one row per method."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import ChartRow, interval_chart
from fairfactor.report.run import NO_ESTIMATE, Estimate, MethodResult, Metric, Run
from fairfactor.report.scale import Scale
from fairfactor.report.wording import fixed

FIGURE_4 = ("paper_error", "demographic_parity_difference", "equalized_odds_difference_sum")
PAPER_METHODS = ("pretrained", "head-tuning", "plain-svd", "pooled-fisher-svd", "neutralized")


@dataclass(frozen=True)
class PanelRow:
    """One method in a panel, in words."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True)
class Panel:
    """One metric over all methods."""

    identifier: str
    metric: Metric
    shown: bool
    chart: Markup
    rows: tuple[PanelRow, ...]


def panels(run: Run) -> tuple[Panel, ...]:
    """One chart per metric; the three of the paper's Figure 4 are shown first.

    Args:
        run: The run.

    Returns:
        The panels, those of Figure 4 first and in its order.
    """
    known = {metric.key for metric in run.metrics}
    first = [key for key in FIGURE_4 if key in known]
    first += [metric.key for metric in run.metrics if metric.key not in first][: 3 - len(first)]
    ordered = sorted(
        run.metrics, key=lambda m: first.index(m.key) if m.key in first else len(first)
    )
    return tuple(
        _panel(run, metric, f"panel-{index + 1}", shown=metric.key in first)
        for index, metric in enumerate(ordered)
    )


def line_reference(run: Run) -> MethodResult | None:
    """The method whose mean is drawn down the charts: the first reference, if it has one rank.

    Args:
        run: The run.

    Returns:
        That method, or ``None``.
    """
    found = [method for method in run.methods if method.method in run.reference_methods[:1]]
    return found[0] if len(found) == 1 else None


def _panel(run: Run, metric: Metric, identifier: str, *, shown: bool) -> Panel:
    series = _series_of(run)
    rows = [
        ChartRow(
            estimate=method.summary.get(metric.key, NO_ESTIMATE),
            values=_seed_values(method, metric),
            series=series[method.method],
        )
        for method in run.methods
    ]
    words = tuple(
        PanelRow(method.label, *_in_words(row.estimate, metric))
        for method, row in zip(run.methods, rows, strict=True)
    )
    scale = Scale.covering(
        [value for row in rows for value in (*row.estimate.parts, *row.values)],
        least_span=metric.least_span,
    )
    chart = interval_chart(
        rows,
        scale,
        identifier=identifier,
        title=f"{metric.label}, by method",
        description="; ".join(f"{row.label}: {row.value}, {row.detail}" for row in words) + ".",
        reference=(
            reference.summary.get(metric.key, NO_ESTIMATE).mean
            if (reference := line_reference(run))
            else None
        ),
    )
    return Panel(identifier, metric, shown, chart, words)


def _series_of(run: Run) -> dict[str, int]:
    """A number for the colour and shape of each method, the same at every rank and in every run."""
    names = dict.fromkeys((*PAPER_METHODS, *(method.method for method in run.methods)))
    return {name: index for index, name in enumerate(names)}


def _seed_values(method: MethodResult, metric: Metric) -> tuple[float, ...]:
    if len(method.seeds) < 2:
        return ()
    values = (seed.get(metric.key) for seed in method.seeds)
    return tuple(value for value in values if value is not None)


def _in_words(estimate: Estimate, metric: Metric) -> tuple[str, str]:
    value = fixed(estimate.mean, metric.digits)
    if estimate.mean is None:
        return value, "not measured"
    unit = f" {metric.unit}" if metric.unit else ""
    if not estimate.has_interval:
        return value + unit, "no interval"
    low, high = fixed(estimate.low, metric.digits), fixed(estimate.high, metric.digits)
    return value + unit, f"95 % interval {low} to {high}"
