"""A sheet of charts with titles, names and a legend, as one SVG file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from xml.etree import ElementTree as ET

from fairfactor.report.charts import ROW_HEIGHT, SERIES
from fairfactor.report.figures.flat import flatten, mark, printable

MARGIN = 16.0
TITLE_HEIGHT = 34.0
GAP = 32.0
CHARACTER = 6.6  # px, a generous mean width of one at 12 px
LINE = 20.0
_VARIABLE = re.compile(r"var\((--[\w-]+)\)")
_LIGHT = re.compile(r"(--[\w-]+): light-dark\(([^,]+),")


@dataclass(frozen=True)
class Panel:
    """One chart of a sheet.

    Attributes:
        title: What stands above it.
        chart: The chart as the page has it.
        width: Its width in px.
        height: Its height in px.
        left: Room for the labels of its vertical axis, in px.
        axis: What stands below it.
        rows: A name and a value for each row of the chart.
    """

    title: str
    chart: str
    width: float
    height: float
    left: float = 0.0
    axis: str = ""
    rows: Sequence[tuple[str, str]] = ()

    @property
    def full_width(self) -> float:
        """With the labels of its axis."""
        return self.left + self.width

    @property
    def full_height(self) -> float:
        """With its title, and the name of its axis."""
        return TITLE_HEIGHT + self.height + (LINE if self.axis else 0.0)


@dataclass(frozen=True)
class Sheet:
    """A figure for a paper.

    Attributes:
        name: Of its file, without an ending.
        title: What it shows, for screen readers and programs that list figures.
        panels: Its charts.
        columns: How many stand side by side.
        legend: What each mark means; a mark without a series has a text in its place.
        kind: A class that the style sheet knows.
        notes: Lines below the legend.
    """

    name: str
    title: str
    panels: Sequence[Panel]
    columns: int = 1
    legend: Sequence[tuple[int, str]] = ()
    kind: str = ""
    notes: Sequence[str] = field(default=())

    def to_svg(self) -> str:
        """Draw it, on white.

        Returns:
            The text of an SVG file.
        """
        width = max(panel.full_width for panel in self.panels)
        total = 2 * MARGIN + self.columns * width + (self.columns - 1) * GAP
        drawn, top = [], MARGIN
        for start in range(0, len(self.panels), self.columns):
            row = self.panels[start : start + self.columns]
            for column, panel in enumerate(row):
                drawn.append(_panel(panel, MARGIN + column * (width + GAP), top))
            top += max(panel.full_height for panel in row) + LINE
        legend, top = _legend(self.legend, total, top)
        for note in self.notes:
            legend.append(_text(note, "note", MARGIN, top + 12))
            top += LINE
        height = top + MARGIN - LINE / 2
        root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "width": f"{total:g}",
                "height": f"{height:g}",
                "viewBox": f"0 0 {total:g} {height:g}",
                "role": "img",
            },
        )
        ET.SubElement(root, "title").text = printable(self.title)
        ET.SubElement(root, "style").text = style()
        ET.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#fff"})
        body = ET.SubElement(root, "g", {"class": self.kind})
        body.extend([*drawn, *legend])
        return ET.tostring(root, encoding="unicode") + "\n"


def style() -> str:
    """The style sheet of a figure, with the colours of the light page.

    Returns:
        Rules that know neither variables nor themes.
    """
    folder = resources.files("fairfactor.report") / "static"
    page = (folder / "report.css").read_text(encoding="utf-8")
    colours = {**dict(_LIGHT.findall(page)), "--paper": "#fff"}
    rules = (folder / "figure.css").read_text(encoding="utf-8")
    for series in range(SERIES):
        colour, one = colours[f"--series-{series}"], f".series-{series}"
        rules += (
            f"{one} .interval, {one}.interval, {one}.value, {one}.ours {{ stroke: {colour}; }}\n"
        )
        rules += f"{one} .mark, {one}.mark, {one}.bar, {one}.band {{ fill: {colour}; }}\n"
    return _VARIABLE.sub(lambda found: colours[found[1]], rules)


def _panel(panel: Panel, x: float, y: float) -> ET.Element:
    group = ET.Element("g", {"transform": f"translate({x:g} {y:g})"})
    group.append(_text(_cut(panel.title, panel.full_width / 7.4), "title", 0, 14))
    chart = flatten(panel.chart, panel.width)
    chart.set("transform", f"translate({panel.left:g} {TITLE_HEIGHT:g})")
    group.append(chart)
    for number, (name, value) in enumerate(panel.rows):
        line = TITLE_HEIGHT + ROW_HEIGHT * number + 13
        room = (panel.width - 12) / CHARACTER - len(value)
        group.append(_text(_cut(name, room), "label", panel.left, line))
        group.append(_text(value, "number-of-row", panel.full_width, line))
    if panel.axis:
        bottom = TITLE_HEIGHT + panel.height + 14
        group.append(_text(panel.axis, "axis", panel.full_width, bottom))
    return group


def _legend(
    entries: Sequence[tuple[int, str]], total: float, top: float
) -> tuple[list[ET.Element], float]:
    """Marks with their meanings, line by line; also where the next line would be."""
    drawn, x = [], MARGIN
    for series, text in entries:
        width = 24 + CHARACTER * len(text) + 16
        if x > MARGIN and x + width > total - MARGIN:
            x, top = MARGIN, top + LINE
        group = ET.Element("g", {"transform": f"translate({x:g} {top:g})"})
        kind = {"class": f"mark series-{series}", "transform": "translate(8 8)"}
        ET.SubElement(group, "g", kind).append(mark(series))
        group.append(_text(text, "label", 22, 12))
        drawn.append(group)
        x += width
    return drawn, top + (LINE if entries else 0)


def _text(text: str, kind: str, x: float, y: float) -> ET.Element:
    made = ET.Element("text", {"class": kind, "x": f"{x:g}", "y": f"{y:g}"})
    made.text = printable(text)
    return made


def _cut(text: str, characters: float) -> str:
    """A text that is not wider than there is room."""
    return text if len(text) <= characters else text[: max(1, int(characters) - 1)] + "…"
