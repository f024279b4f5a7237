from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from tests.report.example_tuning import example_tuning

from fairfactor.report.charts import SERIES, ChartRow, interval_chart
from fairfactor.report.figures.flat import flatten, mark
from fairfactor.report.run import Estimate
from fairfactor.report.scale import Scale
from fairfactor.report.tuning.read import read_tuning
from fairfactor.report.tuning.views import frontier_views


def test_positions_are_those_of_the_axis() -> None:
    scale = Scale(0.0, 1.0)
    rows = [ChartRow(Estimate(0.5, 0.25, 0.75), series=3)]
    made = flatten(
        interval_chart(rows, scale, identifier="a", title="t", description="d"), width=200
    )
    (line,) = (e for e in made.iter("path") if "interval" in e.get("class", ""))
    low, high = (scale.position(value) * 2 for value in (0.25, 0.75))
    assert line.get("d") == f"M{low:g} 29H{high:g}"
    (spot,) = (e for e in made.iter("g") if "mark" in e.get("class", ""))
    assert spot.get("transform") == f"translate({scale.position(0.5) * 2:g} 29)"
    assert ET.tostring(spot[0]) == ET.tostring(mark(3))


def test_nothing_is_left_that_only_browsers_draw() -> None:
    run = read_tuning(example_tuning())
    for view in frontier_views(run, run.chosen):
        made = flatten(view.chart, 560)
        tags = {element.tag for element in made.iter()}
        assert not tags & {"svg", "use", "title", "desc"}
        values = [value for element in made.iter() for value in element.attrib.values()]
        assert not any("%" in value for value in values)
        assert not any(name.startswith(("aria", "data")) for e in made.iter() for name in e.attrib)


def test_a_path_keeps_its_heights() -> None:
    chart = (
        '<svg><svg viewBox="0 0 1000 50"><path d="M0 1L1000 2L500 3zM10 4v5h20V6H30"/></svg>'
        '<svg x="50%" y="7"><line x1="1" x2="2"/></svg><g hidden=""/></svg>'
    )
    stretched, moved = flatten(chart, 100)
    assert stretched[0].get("d") == "M0 1L100 2L50 3zM1 4v5h2V6H3"
    assert moved.get("transform") == "translate(50 7)"


@pytest.mark.parametrize("series", range(SERIES))
def test_every_series_has_a_shape(series: int) -> None:
    assert mark(series).tag in {"circle", "rect", "path"}
    assert mark(series) is not mark(series)
