from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from fairfactor.report.charts import (
    ROW_HEIGHT,
    ChartRow,
    bar_axis,
    bar_strip,
    cell_interval,
    element,
    interval_chart,
)
from fairfactor.report.run import NO_ESTIMATE, Estimate
from fairfactor.report.scale import Scale

SCALE = Scale(0.0, 1.0)
ROWS = [
    ChartRow(Estimate(0.5, 0.25, 0.75), values=(0.3, 0.6), series=4),
    ChartRow(Estimate(0.1, None, None), series=8),
    ChartRow(NO_ESTIMATE),
]


def chart(title: str = "Err") -> ET.Element:
    return ET.fromstring(
        interval_chart(ROWS, SCALE, identifier="c", title=title, description="d", reference=0.5)
    )


def paths(svg: ET.Element, kind: str) -> list[str]:
    found = [path for path in svg.iter("path") if kind in path.get("class", "").split()]
    return [path.get("d", "") for path in found]


def test_marks_lie_at_the_means() -> None:
    marks = list(chart().iter("use"))
    assert [mark.get("x") for mark in marks] == ["50.0%", "13.2%"]
    assert [mark.get("href") for mark in marks] == ["#mark-4", "#mark-1"]
    assert int(marks[1].get("y", "0")) - int(marks[0].get("y", "0")) == ROW_HEIGHT


def test_lines_span_the_intervals_and_ticks_show_the_values() -> None:
    svg = chart()
    assert paths(svg, "interval") == ["M270 29H730"]
    assert paths(svg, "value") == ["M316 24v10M592 24v10"]
    assert paths(svg, "reference") == ["M500 0V120"]


def test_a_row_without_a_value_says_so() -> None:
    assert [text.text for text in chart().iter("text") if text.get("class") == "no-value"] == [
        "no value"
    ]


def test_title_and_description_name_the_chart_and_are_escaped() -> None:
    svg = chart("</title><script>alert(1)</script>")
    assert svg.get("aria-labelledby") == "c-title c-description"
    assert svg.findtext("title") == "</title><script>alert(1)</script>"
    assert not list(svg.iter("script"))


def test_attributes_are_escaped() -> None:
    assert element("path", d='"><b>') == '<path d="&#34;&gt;&lt;b&gt;"/>'


def test_interval_of_a_cell() -> None:
    svg = ET.fromstring(cell_interval(Estimate(0.0, -0.5, 1.0), Scale(-1, 1), zero_line=True))
    assert [path.get("d") for path in svg] == ["M50.0 0V10", "M27.0 5H96.0", "M50.0 5h0"]
    assert svg.get("aria-hidden") == "true"
    assert cell_interval(NO_ESTIMATE, SCALE) == ""
    assert len(ET.fromstring(cell_interval(Estimate(0.5, None, None), SCALE))) == 1


def test_bars_are_as_high_as_their_values() -> None:
    svg = ET.fromstring(
        bar_strip([2.0, None, 0.0, 1.0], 2.0, series=0, identifier="b", title="t", description="d")
    )
    (bars,) = paths(svg, "bar")
    assert [float(top) for top in re.findall(r"100V([\d.]+)H", bars)] == [2.0, 51.0]
    assert svg.get("viewBox") == "0 0 4 100"


def test_strip_without_any_importance_has_no_bars() -> None:
    svg = ET.fromstring(
        bar_strip([0.0, 0.0], 0.0, series=0, identifier="b", title="t", description="d")
    )
    assert paths(svg, "bar") == [""]


def test_axis_numbers_the_inputs() -> None:
    def numbers(inputs: int) -> list[str | None]:
        return [text.text for text in ET.fromstring(bar_axis(inputs))]

    assert numbers(1) == ["1"]
    assert numbers(3) == ["1", "2", "3"]
    assert numbers(20) == ["1", "5", "10", "15", "20"]
    assert numbers(512)[:3] == ["1", "50", "100"]
    assert len(numbers(30_000)) < 100
