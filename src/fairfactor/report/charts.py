"""Inline SVG: interval charts, intervals in table cells, and bar strips.

Horizontal positions are percents, or units of a stretched inner ``viewBox``, so that a chart takes
the width of its column while text and line widths keep their size. Colours come from the page's
style sheet through classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from fairfactor.report.run import Estimate
from fairfactor.report.scale import Scale

ROW_HEIGHT = 40  # px; `.rows li` in report.css has the same
MARK_OFFSET = 29  # px from the top of a row to its mark
AXIS_HEIGHT = 26  # px
SERIES = 7  # colours and shapes in report.css and the page's symbols


@dataclass(frozen=True)
class ChartRow:
    """One row of an interval chart: an estimate and the single values behind it."""

    estimate: Estimate
    values: tuple[float, ...] = ()
    series: int = 0


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """An SVG element.

    Args:
        tag: Its name.
        children: What it holds; what is not markup is escaped.
        attributes: Its attributes; a trailing underscore is dropped and others become hyphens.

    Returns:
        The element as markup.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _attribute(value))
        for name, value in attributes.items()
    )
    if not children:
        return Markup("<{}{}/>").format(Markup(tag), written)
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), written, inside)


def interval_chart(
    rows: Sequence[ChartRow],
    scale: Scale,
    *,
    identifier: str,
    title: str,
    description: str,
    reference: float | None = None,
) -> Markup:
    """One row per estimate: a mark at the mean, a line over its interval, a tick for each value.

    Args:
        rows: What to draw, from the top.
        scale: The horizontal axis.
        identifier: Start of the ids of the title and description, unique in the page.
        title: Name of the chart for screen readers.
        description: What the chart shows, for screen readers.
        reference: Where to draw a dashed line down the chart.

    Returns:
        An ``svg`` element as wide as its container.
    """
    height = ROW_HEIGHT * len(rows)
    centres = [ROW_HEIGHT * i + MARK_OFFSET for i in range(len(rows))]
    ticks = scale.ticks()
    lines = [
        _path("guide", "".join(f"M0 {y}H1000" for y in centres)),
        _path("grid", "".join(f"M{_across(scale, tick)} 0V{height}" for tick, _ in ticks)),
    ]
    if reference is not None:
        lines.append(_path("reference", f"M{_across(scale, reference)} 0V{height}"))
    for row, y in zip(rows, centres, strict=True):
        lines += _row_lines(row, scale, y)
    return element(
        "svg",
        element("title", title, id=f"{identifier}-title"),
        element("desc", description, id=f"{identifier}-description"),
        element("svg", *lines, **_stretched(1000, height)),
        *(_mark(row, scale, y) for row, y in zip(rows, centres, strict=True)),
        *(
            element("text", label, class_="tick", x=f"{scale.position(tick)}%", y=height + 18)
            for tick, label in ticks
        ),
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-description",
        width="100%",
        height=height + AXIS_HEIGHT,
    )


def cell_interval(estimate: Estimate, scale: Scale, *, zero_line: bool = False) -> Markup:
    """A small interval for a table cell whose text gives the numbers.

    Args:
        estimate: What to draw.
        scale: The axis that the cells of the column share.
        zero_line: Whether to mark zero.

    Returns:
        An ``svg`` element hidden from screen readers; empty if there is no mean.
    """
    if estimate.mean is None:
        return Markup("")
    x = scale.position(estimate.mean)
    parts = [_path("zero", f"M{scale.position(0)} 0V10")] if zero_line else []
    if estimate.low is not None and estimate.high is not None:
        parts.append(
            _path("", f"M{scale.position(estimate.low)} 5H{scale.position(estimate.high)}")
        )
    return element(
        "svg",
        *parts,
        _path("dot", f"M{x} 5h0"),
        class_="cell-interval",
        aria_hidden="true",
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
    )


def cell_bar(value: float | None, largest: float) -> Markup:
    """A small bar for a table cell whose text gives the number.

    Args:
        value: What to draw, from zero.
        largest: The largest value of the column, which fills the cell.

    Returns:
        An ``svg`` element hidden from screen readers; empty if there is nothing to draw.
    """
    if not value or not largest:
        return Markup("")
    return element(
        "svg",
        element("rect", width=100 * value / largest, height=10),
        class_="cell-bar",
        aria_hidden="true",
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
    )


def bar_strip(
    values: Sequence[float | None],
    maximum: float,
    *,
    series: int,
    identifier: str,
    title: str,
    description: str,
) -> Markup:
    """Bars side by side, from a common floor.

    Args:
        values: One height per bar; ``None`` and zero draw a stub below the floor.
        maximum: The height that fills the strip.
        series: Which colour.
        identifier: Start of the ids of the title and description, unique in the page.
        title: Name of the chart for screen readers.
        description: What the chart shows, for screen readers.

    Returns:
        An ``svg`` element as wide as its container; its height is set in report.css.
    """
    gap = 0.14 if len(values) <= 64 else 0.0
    bars = "".join(
        f"M{i + gap:g} 100V{100 - 98 * min(value / maximum, 1):.4g}H{i + 1 - gap:g}V100z"
        for i, value in enumerate(values)
        if value and maximum > 0
    )
    return element(
        "svg",
        element("title", title, id=f"{identifier}-title"),
        element("desc", description, id=f"{identifier}-description"),
        _path("floor", f"M0 100H{len(values)}"),
        element("path", class_=f"bar series-{series % SERIES}", d=bars),
        class_="strip",
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-description",
        viewBox=f"0 0 {len(values)} 100",
        preserveAspectRatio="none",
    )


def bar_axis(inputs: int) -> Markup:
    """Numbers of the inputs below strips of bars.

    Args:
        inputs: How many inputs the strips show.

    Returns:
        An ``svg`` element as wide as its container, hidden from screen readers.
    """
    step = next(s for s in (1, 5, 10, 20, 50, 100, 500, inputs) if inputs <= 12 * s or s >= inputs)
    numbers = [1, *range(step if step > 1 else 2, inputs + 1, step)]
    return element(
        "svg",
        *(
            element("text", str(n), class_="tick", x=f"{100 * (n - 0.5) / inputs:.1f}%", y=14)
            for n in numbers
        ),
        class_="strip-axis",
        aria_hidden="true",
        width="100%",
        height=20,
    )


def _row_lines(row: ChartRow, scale: Scale, y: int) -> list[Markup]:
    lines = []
    if row.values:
        marks = "".join(f"M{_across(scale, value)} {y - 5}v10" for value in row.values)
        lines.append(_path(f"value series-{row.series % SERIES}", marks))
    if row.estimate.low is not None and row.estimate.high is not None:
        low, high = _across(scale, row.estimate.low), _across(scale, row.estimate.high)
        lines.append(_path(f"interval series-{row.series % SERIES}", f"M{low} {y}H{high}"))
    return lines


def _mark(row: ChartRow, scale: Scale, y: int) -> Markup:
    if row.estimate.mean is None:
        return element("text", "no value", class_="no-value", x="4%", y=y + 4)
    series = row.series % SERIES
    x = f"{scale.position(row.estimate.mean)}%"
    return element("use", href=f"#mark-{series}", class_=f"mark series-{series}", x=x, y=y)


def _across(scale: Scale, value: float) -> str:
    """A position in the stretched inner viewBox."""
    return f"{10 * scale.position(value):g}"


def _path(kind: str, data: str) -> Markup:
    return element("path", d=data, **({"class_": kind} if kind else {}))


def _stretched(width: int, height: int) -> dict[str, object]:
    return {
        "viewBox": f"0 0 {width} {height}",
        "preserveAspectRatio": "none",
        "width": "100%",
        "height": height,
    }


def _attribute(value: object) -> str:
    return (
        value
        if isinstance(value, str)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
