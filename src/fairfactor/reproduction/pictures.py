"""Pictures of the studies as SVG files of their own, light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fairfactor.report.charts import element
from fairfactor.report.scale import Scale

_WIDTH = 920
_STYLE = """
text{font:13px system-ui,sans-serif;fill:#222}
.small{font-size:11px;fill:#555}.title{font-weight:600;font-size:14px}
.grid{stroke:#ddd;fill:none}.axis{stroke:#888;fill:none}
.s0{--c:#0b62a8}.s1{--c:#b4490a}.s2{--c:#2b7a3a}.s3{--c:#7a3a9a}.s4{--c:#8a6d00}.s5{--c:#555}
.s6{--c:#b02a5b}.line{stroke:var(--c);fill:none;stroke-width:2}
.dot,.bar{fill:var(--c)}.band{fill:var(--c);opacity:.15}.cell{fill:var(--c)}
.paper{stroke-dasharray:5 4;opacity:.8}
@media(prefers-color-scheme:dark){text{fill:#eee}.small{fill:#bbb}.grid{stroke:#444}
.s0{--c:#6cb6ff}.s1{--c:#ff9d5c}.s2{--c:#7fd08c}.s3{--c:#c79be8}.s4{--c:#e0c050}.s5{--c:#bbb}
.s6{--c:#ff8ab5}}
"""
_MOST_LABELS = 460
_LETTER = 6.6  # pixels of a letter of a label, about
_PANEL_GAP = 18
_ROW = 30


def draw(picture: Mapping[str, Any]) -> str:
    """Draw a picture.

    Args:
        picture: One of the pictures of a study's results, with its ``kind``.

    Returns:
        The text of an SVG file.
    """
    return _KINDS[picture["kind"]](picture) + "\n"


def _file(title: str, height: float, parts: Iterable[Markup]) -> str:
    return str(
        element(
            "svg",
            element("title", title),
            element("style", Markup(_STYLE)),
            element("text", title, class_="title", x=8, y=20),
            *parts,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {_WIDTH} {height:g}",
            role="img",
        )
    )


@dataclass(frozen=True)
class _Axis:
    """A scale that is laid over pixels."""

    scale: Scale
    start: float
    length: float

    def at(self, value: float) -> float:
        """Pixels of a value."""
        return round(self.start + self.length * self.scale.position(value) / 100, 1)


def _intervals(picture: Mapping[str, Any]) -> str:
    panels = picture["panels"]
    labels = [row["label"] for row in panels[0]["rows"]]
    room = min(_MOST_LABELS, 20 + _LETTER * max(map(len, labels)))
    width = (_WIDTH - room - _PANEL_GAP * len(panels)) / len(panels)
    top, height = 56, _ROW * len(labels)
    parts = [element("text", label, x=8, y=top + _ROW * i + 19) for i, label in enumerate(labels)]
    for number, panel in enumerate(panels):
        left = room + number * (width + _PANEL_GAP)
        marks = [mark for row in panel["rows"] for mark in row["marks"]]
        ends = [mark[end] for mark in marks for end in ("mean", "low", "high")]
        axis = _Axis(Scale.covering(_finite(ends), least_span=0.02), left, width)
        parts.append(element("text", panel["label"], x=left, y=46))
        parts += _vertical_grid(axis, top, height)
        for i, row in enumerate(panel["rows"]):
            for mark in row["marks"]:
                offset = 11 if mark["series"] == "ours" else 21
                parts += _interval(mark, axis, top + _ROW * i + offset)
    y = top + height + 42
    parts += [
        element("circle", class_="dot s0", cx=14, cy=y - 4, r=4.5),
        element("text", "ours, mean with its 95 % interval", x=26, y=y),
    ]
    if any(mark["series"] == "paper" for p in panels for row in p["rows"] for mark in row["marks"]):
        text = "the paper’s number, with the interval of its runs if given"
        parts += [
            element("path", class_="dot s1", d=_diamond(280, y - 4)),
            element("text", text, x=292, y=y),
        ]
    return _file(picture["title"], y + 14, parts)


def _interval(mark: Mapping[str, Any], axis: _Axis, y: float) -> list[Markup]:
    if mark["mean"] is None:
        return []
    series = "s0" if mark["series"] == "ours" else "s1"
    x = axis.at(mark["mean"])
    low, high = (
        axis.at(mark[end]) if mark[end] is not None else edge
        for end, edge in (("low", axis.start), ("high", axis.start + axis.length))
    )
    shape = (
        element("circle", class_=f"dot {series}", cx=x, cy=y, r=4.5)
        if series == "s0"
        else element("path", class_=f"dot {series}", d=_diamond(x, y))
    )
    return [element("path", class_=f"line {series}", d=f"M{low:g} {y:g}H{high:g}"), shape]


def _lines(picture: Mapping[str, Any]) -> str:
    left, top, width, height = 70, 40, 560, 250
    place = math.log10 if picture["logarithmic"] else float
    points = [point for line in picture["series"] for point in line["points"]]
    points += picture["paper"]
    across = _Axis(
        Scale(min(place(p["x"]) for p in points), max(place(p["x"]) for p in points)), left, width
    )
    ends = [p.get(end) for p in points for end in ("mean", "low", "high")]
    up = _Axis(Scale.covering(_finite(ends), least_span=0.02), top + height, -height)
    parts = [
        *(
            element("path", class_="grid", d=f"M{left} {up.at(tick):g}h{width}")
            for tick, _ in up.scale.ticks()
        ),
        *(
            element("text", label, class_="small", x=left - 6, y=up.at(tick) + 4, text_anchor="end")
            for tick, label in up.scale.ticks()
        ),
        *(
            element(
                "text",
                f"{x:g}",
                class_="small",
                x=across.at(place(x)),
                y=top + height + 18,
                text_anchor="middle",
            )
            for x in _thinned(sorted({p["x"] for p in points}), across, place)
        ),
        element(
            "text",
            picture["x_label"],
            x=left + width / 2,
            y=top + height + 40,
            text_anchor="middle",
        ),
        element("text", picture["y_label"], class_="small", x=8, y=top - 4),
    ]
    for number, line in enumerate(picture["series"]):
        parts += _line(line["points"], across, up, place, f"s{number % 7}")
        y = top + 14 + 22 * number
        parts.append(element("path", class_=f"line s{number % 7}", d=f"M650 {y - 4}h24"))
        parts.append(element("text", line["name"], x=682, y=y))
    if picture["paper"]:
        y = top + 14 + 22 * len(picture["series"])
        joined = _path(picture["paper"], across, up, place)
        parts += [
            element("path", class_="line paper s5", d=joined),
            element("path", class_="line paper s5", d=f"M650 {y - 4}h24"),
            element("text", "the paper", x=682, y=y),
        ]
    return _file(picture["title"], top + height + 54, parts)


def _line(
    points: Sequence[Mapping[str, Any]],
    across: _Axis,
    up: _Axis,
    place: Callable[[float], float],
    series: str,
) -> list[Markup]:
    """A line through the means, its dots, and the band of its intervals."""
    known = [point for point in points if point["mean"] is not None]
    banded = [p for p in known if p["low"] is not None and p["high"] is not None]
    parts = []
    if banded:
        there = [f"{across.at(place(p['x'])):g} {up.at(p['high']):g}" for p in banded]
        back = [f"{across.at(place(p['x'])):g} {up.at(p['low']):g}" for p in reversed(banded)]
        parts.append(element("path", class_=f"band {series}", d=f"M{'L'.join([*there, *back])}z"))
    parts.append(element("path", class_=f"line {series}", d=_path(known, across, up, place)))
    parts += [
        element(
            "circle", class_=f"dot {series}", cx=across.at(place(p["x"])), cy=up.at(p["mean"]), r=3
        )
        for p in known
    ]
    return parts


def _strips(picture: Mapping[str, Any]) -> str:
    left, top, height, gap = 90, 40, 90, 16
    largest = max(value for strip in picture["strips"] for value in strip["values"])
    parts = []
    for number, strip in enumerate(picture["strips"]):
        floor = top + number * (height + gap) + height
        step = (_WIDTH - left - 20) / len(strip["values"])
        bars = "".join(
            f"M{left + i * step + 3:.1f} {floor}v{-height * value / largest:.1f}"
            f"h{step - 6:.1f}V{floor}z"
            for i, value in enumerate(strip["values"])
        )
        parts += [
            element("text", strip["name"], x=8, y=floor - height / 2),
            element("path", class_="axis", d=f"M{left} {floor}H{_WIDTH - 20}"),
            element("path", class_=f"bar s{number % 7}", d=bars),
        ]
    bottom = top + len(picture["strips"]) * (height + gap)
    text = "One bar for each input of the last layer; both groups on one scale."
    parts.append(element("text", text, class_="small", x=left, y=bottom + 8))
    return _file(picture["title"], bottom + 20, parts)


def _density(picture: Mapping[str, Any]) -> str:
    size, gap, top = 190, 26, 84
    parts, number = [], 0
    for panel in picture["panels"]:
        left = 8 + number * (size + gap)
        parts.append(element("text", panel["name"], class_="small", x=left, y=50))
        largest = max(v for group in panel["groups"] for line in group["grid"] for v in line) or 1
        for code, group in enumerate(panel["groups"]):
            left = 8 + number * (size + gap)
            parts.append(element("text", group["name"], x=left, y=72))
            parts += _cells(group["grid"], largest, left, top, size, code)
            number += 1
    text = "Darker: a larger share of the group. Cells of fewer than five people are left empty."
    parts.append(element("text", text, class_="small", x=8, y=top + size + 22))
    return _file(picture["title"], top + size + 36, parts)


def _cells(
    grid: Sequence[Sequence[float]], largest: float, left: float, top: float, size: float, code: int
) -> list[Markup]:
    step = size / len(grid)
    return [
        element("rect", class_="axis", x=left, y=top, width=size, height=size),
        *(
            element(
                "rect",
                class_=f"cell s{code}",
                x=round(left + column * step, 1),
                y=round(top + size - (row + 1) * step, 1),
                width=round(step, 1),
                height=round(step, 1),
                opacity=round(0.1 + 0.9 * value / largest, 2),
            )
            for row, line in enumerate(grid)
            for column, value in enumerate(line)
            if value
        ),
    ]


def _vertical_grid(axis: _Axis, top: float, height: float) -> list[Markup]:
    return [
        part
        for tick, label in axis.scale.ticks(3)
        for part in (
            element("path", class_="grid", d=f"M{axis.at(tick):g} {top}v{height}"),
            element(
                "text",
                label,
                class_="small",
                x=axis.at(tick),
                y=top + height + 15,
                text_anchor="middle",
            ),
        )
    ]


def _path(
    points: Sequence[Mapping[str, Any]],
    across: _Axis,
    up: _Axis,
    place: Callable[[float], float],
) -> str:
    return "M" + "L".join(
        f"{across.at(place(point['x'])):g} {up.at(point['mean']):g}" for point in points
    )


def _thinned(
    places: Sequence[float], across: _Axis, place: Callable[[float], float]
) -> list[float]:
    """Places whose labels have room."""
    kept: list[float] = []
    for x in places:
        if not kept or across.at(place(x)) - across.at(place(kept[-1])) > 34:
            kept.append(x)
    return kept


def _diamond(x: float, y: float) -> str:
    return f"M{x - 5.5:g} {y:g}l5.5 -5.5 5.5 5.5 -5.5 5.5z"


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


_KINDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "intervals": _intervals,
    "lines": _lines,
    "strips": _strips,
    "density": _density,
}
