from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.report.example_peers import DP, EO, example_peers

from fairfactor.report.peers.pictures import key_entries, legend, pictures
from fairfactor.report.peers.read import read_peers


def numbers(svg: ET.Element) -> list[str | None]:
    return [text.text for text in svg.iter("text") if text.get("class") == "number"]


def test_one_picture_for_each_gap_with_a_number_for_each_method() -> None:
    run = read_peers(example_peers())
    made = pictures(run)
    assert [picture.gap.key for picture in made] == [DP, EO]
    for picture in made:
        svg = ET.fromstring(picture.chart)
        aimed = "1 2 4 6 8" if picture.gap.key == DP else "1 2 3 5 7 9 10 11"
        assert numbers(svg) == aimed.split()
        kinds = [path.get("class") for path in svg.iter("path")]
        assert kinds[:2] == ["band series-4", "ours series-4"]


def test_the_same_number_means_the_same_method_in_pictures_key_and_description() -> None:
    run = read_peers(example_peers())
    charts = [ET.fromstring(picture.chart) for picture in pictures(run)]
    description = " ".join(chart.findtext("desc") or "" for chart in charts)
    for entry in key_entries(run):
        if entry.missing is None:
            assert f"{entry.number}, {entry.label}: accuracy" in description
    assert [entry.missing for entry in key_entries(run)][-2:] == [
        "not installed: pip install oxonfair",
        "not supported: two groups only, not 5",
    ]


def test_a_method_without_a_gap_keeps_its_number_and_has_no_mark() -> None:
    metrics = example_peers()
    del metrics["rows"][1]["summary"][DP]
    first, second = pictures(read_peers(metrics))
    assert "2" not in numbers(ET.fromstring(first.chart))
    assert "2" in numbers(ET.fromstring(second.chart))


def test_a_method_far_off_lies_on_the_edge_and_squeezes_nobody() -> None:
    metrics = example_peers()
    metrics["rows"][1]["summary"]["accuracy"] |= {"mean": 0.3, "low": 0.1, "high": 0.5}
    made = pictures(read_peers(metrics))[0]
    assert "2" in numbers(ET.fromstring(made.chart))
    labels = [text.text or "" for text in ET.fromstring(made.chart).iter("text")]
    accuracies = [float(text) for text in labels if text.startswith("0.8")]
    assert len(accuracies) >= 3
    assert not [text for text in labels if text.startswith(("0.3", "0.5", "0.6"))]


def test_one_seed_has_neither_band_nor_intervals() -> None:
    svg = ET.fromstring(pictures(read_peers(example_peers(seeds=1)))[0].chart)
    assert not [path for path in svg.iter("path") if "band" in path.get("class", "")]
    assert not [line for line in svg.iter("line") if line.get("class") == "interval"]


def test_the_legend_has_what_the_pictures_have() -> None:
    words = [words for _, words in legend(read_peers(example_peers()))]
    assert words == [
        "fairfactor", "aims at no gap", "aims at equalised odds", "aims at demographic parity",
    ]  # fmt: skip
    assert legend(read_peers(example_peers(all_missing=True))) == ((4, "fairfactor"),)


def test_nothing_to_draw_still_gives_axes() -> None:
    metrics = example_peers(all_missing=True) | {"frontiers": []}
    (first, _) = pictures(read_peers(metrics))
    assert "Nothing was measured." in first.chart
