"""A chart of the page as plain shapes in px, which every program that reads SVG can draw.

On the page a chart stretches with its column: positions are percents, and lines lie in nested
``svg`` elements with a stretched ``viewBox``. Few programs but browsers draw that as they do.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from importlib import resources
from xml.etree import ElementTree as ET

_ACROSS = frozenset({"x", "x1", "x2", "cx", "width"})
_DROPPED = frozenset({"title", "desc"})
_KEPT = frozenset(
    {"class", "d", "r", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "dx", "dy"}
    | {"width", "height", "text-anchor"}
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_STEP = re.compile(r"([MLHVhvz])([^MLHVhvz]*)")


def flatten(chart: str, width: float) -> ET.Element:
    """Draw a chart of the page at a fixed width.

    Args:
        chart: An ``svg`` element as `fairfactor.report.charts` or `fairfactor.report.plane` make.
        width: Its width in px; its height stays.

    Returns:
        A group without percents, nested ``svg`` elements and references.
    """
    root = ET.fromstring(printable(chart))
    group = ET.Element("g", {"class": root.get("class", "chart")})
    group.extend(_children(root, width, 1.0))
    return group


def printable(text: str) -> str:
    """A text as XML can hold it.

    Args:
        text: Any text.

    Returns:
        The same with a replacement character for each control character.
    """
    return _CONTROL.sub("\ufffd", text)


def mark(series: int) -> ET.Element:
    """The shape of a series, around the origin.

    Args:
        series: Its number.

    Returns:
        The shape.
    """
    shape = copy.deepcopy(_shapes()[f"#mark-{series}"])
    del shape.attrib["id"]
    return shape


def _shapes() -> dict[str, ET.Element]:
    text = resources.files("fairfactor.report") / "templates" / "symbols.svg.j2"
    defined = ET.fromstring(text.read_text(encoding="utf-8")).iter()
    return {f"#{shape.get('id')}": shape for shape in defined if shape.get("id")}


def _children(parent: ET.Element, width: float, stretch: float) -> Iterator[ET.Element]:
    for child in parent:
        if child.tag not in _DROPPED and child.get("hidden") is None:
            yield _flat(child, width, stretch)


def _flat(element: ET.Element, width: float, stretch: float) -> ET.Element:
    attributes = {
        name: _in_px(name, value, width) for name, value in element.attrib.items() if name in _KEPT
    }
    if element.tag == "svg":
        box = element.get("viewBox")
        moved = {} if box else {"transform": _moved(attributes)}
        kind = {"class": attributes["class"]} if "class" in attributes else {}
        group = ET.Element("g", {**kind, **moved})
        group.extend(_children(element, width, width / float(box.split()[2]) if box else stretch))
        return group
    if element.tag == "use":
        kind = {"class": attributes.get("class", "")}
        group = ET.Element("g", {**kind, "transform": _moved(attributes)})
        group.append(mark(int(element.get("href", "").rpartition("-")[2])))
        return group
    if "d" in attributes:
        attributes["d"] = _stretched(attributes["d"], stretch)
    made = ET.Element(element.tag, attributes)
    made.text = element.text
    made.extend(_children(element, width, stretch))
    return made


def _moved(attributes: dict[str, str]) -> str:
    return f"translate({attributes.get('x', '0')} {attributes.get('y', '0')})"


def _in_px(name: str, value: str, width: float) -> str:
    if name in _ACROSS and value.endswith("%"):
        return f"{float(value[:-1]) * width / 100:.6g}"
    return value


def _stretched(path: str, stretch: float) -> str:
    """A path of the commands that the charts use, with its horizontal coordinates stretched."""
    steps = []
    for command, text in _STEP.findall(path):
        numbers = [float(number) for number in text.split()]
        if command in "MLHh":
            numbers[0] *= stretch
        steps.append(command + " ".join(f"{number:.6g}" for number in numbers))
    return "".join(steps)
