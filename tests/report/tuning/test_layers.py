from __future__ import annotations

import re

import pytest
from tests.report.example_tuning import example_tuning

from fairfactor.report.tuning.layers import direction_rows, readabilities
from fairfactor.report.tuning.read import read_tuning


def test_two_groups_share_one_picture_of_all_layers() -> None:
    [picture] = readabilities(read_tuning(example_tuning()))
    assert picture.group == "Female or Male"
    assert picture.rows == (
        ("hidden1", "0.950", "0.870"),
        ("hidden2", "0.900", "0.820"),
        ("scores that decide", "0.720", "0.640"),
    )
    assert picture.chart.count("<circle") == 3


def test_more_groups_have_a_picture_each() -> None:
    run = read_tuning(example_tuning(groups=("a", "b", "c")))
    assert [picture.group for picture in readabilities(run)] == ["a", "b", "c"]
    assert readabilities(run)[2].rows[0] == ("hidden1", "0.910", "0.830")


def test_shares_of_all_directions_add_up_to_one() -> None:
    rows = direction_rows(read_tuning(example_tuning()))
    assert [(row.layer, row.model) for row in rows] == [
        ("hidden1", "unmitigated"),
        ("hidden1", "chosen"),
        ("hidden2", "unmitigated"),
        ("hidden2", "chosen"),
    ]
    assert [value for value, _ in rows[0].shares] == ["0.40", "0.20", "0.10", "0.30"]
    for row in rows:
        assert sum(float(value) for value, _ in row.shares) == pytest.approx(1, abs=0.02)
        widths = [float(re.search(r'width="([0-9.]+)"', bar)[1]) for _, bar in row.shares]
        assert widths == pytest.approx([100 * float(value) for value, _ in row.shares], abs=1)


def test_a_frozen_network_is_told_once() -> None:
    metrics = example_tuning()
    metrics["layers"]["chosen"] = metrics["layers"]["unmitigated"]
    rows = direction_rows(read_tuning(metrics))
    assert [(row.layer, row.model) for row in rows] == [("hidden1", "both"), ("hidden2", "both")]


def test_a_layer_of_one_network_alone_and_an_unknown_value() -> None:
    metrics = example_tuning()
    chosen = metrics["layers"]["chosen"]
    chosen.insert(2, {"layer": "skip", "width": 9, "readability": [None, 0.8], "shares": []})
    run = read_tuning(metrics)
    [picture] = readabilities(run)
    assert picture.rows[2] == ("skip", "—", "—")
    assert "skip" not in {row.layer for row in direction_rows(run)}


def test_a_run_without_readings_has_no_pictures() -> None:
    run = read_tuning(example_tuning() | {"layers": None})
    assert readabilities(run) == direction_rows(run) == ()
