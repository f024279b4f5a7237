from __future__ import annotations

import xml.etree.ElementTree as ET

from fairfactor.report.plane import HEIGHT, Plane
from fairfactor.report.run import NO_ESTIMATE, Estimate
from fairfactor.report.scale import Scale

PLANE = Plane(Scale(0.0, 1.0), Scale(0.0, 1.0))


def test_up_is_more_and_values_beyond_the_axes_lie_on_the_edge() -> None:
    assert PLANE.x(0.5) == "50%"
    assert PLANE.y(0.5) == HEIGHT / 2
    assert PLANE.y(0.9) < PLANE.y(0.1)
    assert (PLANE.x(7), PLANE.x(-7)) == ("100%", "0%")
    assert (PLANE.y(7), PLANE.y(-7)) == (0, HEIGHT)


def test_a_mark_has_its_intervals_both_ways() -> None:
    mark = ET.fromstring(
        PLANE.mark(Estimate(0.5, 0.25, 0.75), Estimate(0.5, 0.0, 1.0), 9, data_point=3)
    )
    across, up = mark.iter("line")
    assert (across.get("x1"), across.get("x2")) == ("27%", "73%")
    assert across.get("y1") == across.get("y2") == f"{HEIGHT / 2:g}"
    assert float(up.get("y1", "")) > float(up.get("y2", ""))
    (use,) = mark.iter("use")
    assert use.get("href") == "#mark-2"
    assert (mark.get("class"), mark.get("data-point")) == ("spot series-2", "3")


def test_a_mark_without_a_value_is_empty_and_without_an_interval_has_none() -> None:
    known = Estimate(0.5, None, None)
    assert PLANE.mark(NO_ESTIMATE, known, 0) == PLANE.mark(known, NO_ESTIMATE, 0) == ""
    assert [child.tag for child in ET.fromstring(PLANE.mark(known, known, 0))] == ["use"]


def test_lines_and_bands_pass_through_their_values() -> None:
    line = ET.fromstring(PLANE.line([(0, 0.5), (1, 0.5)], "frontier"))
    (path,) = line
    assert path.get("d") == f"M40 {HEIGHT / 2:g}L960 {HEIGHT / 2:g}"
    (band,) = ET.fromstring(PLANE.band([(0, 0), (1, 0)], [(0, 1), (1, 1)], "band"))
    heights = [part.split()[1].rstrip("z") for part in band.get("d", "")[1:].split("L")]
    assert heights[0] == heights[1] > heights[2]
    assert heights[2] == heights[3]


def test_the_plane_is_named_and_both_axes_have_ticks() -> None:
    svg = ET.fromstring(PLANE.draw(identifier="p", title="<T>", description="d"))
    assert svg.get("aria-labelledby") == "p-title p-description"
    assert svg.findtext("title") == "<T>"
    ticks = [text.text for text in svg.iter("text")]
    assert ticks.count("0.2") == 2
