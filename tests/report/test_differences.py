from __future__ import annotations

import pytest
from tests.report.example import example_metrics

from fairfactor.report.differences import DifferenceCell, difference_tables
from fairfactor.report.read import read_run


def cell(key: str, low: float | None, high: float | None, p: float | None = None) -> DifferenceCell:
    metrics = example_metrics(methods=3)
    metrics["metrics"] = [metric for metric in metrics["metrics"] if metric["key"] == key]
    mean = None if low is None or high is None else (low + high) / 2
    metrics["methods"][2]["differences"] = {
        "head-tuning": {key: {"mean": mean, "low": low, "high": high, "p_value": p, "n": 10}}
    }
    table = difference_tables(read_run(metrics))[0]
    return table.rows[-1][1][0]


@pytest.mark.parametrize(
    ("key", "low", "high", "tag"),
    [
        ("paper_error", -2.0, -1.0, "better"),
        ("paper_error", 1.0, 2.0, "worse"),
        ("accuracy", 0.01, 0.02, "better"),
        ("accuracy", -0.02, -0.01, "worse"),
        ("accuracy", -0.02, 0.01, ""),
        ("accuracy", 0.0, 0.0, ""),
        ("accuracy", None, None, ""),
    ],
)
def test_only_intervals_that_exclude_zero_are_tagged(
    key: str, low: float | None, high: float | None, tag: str
) -> None:
    assert cell(key, low, high).tag == tag


def test_values_have_signs_and_an_end_that_is_not_zero_is_not_shown_as_zero() -> None:
    found = cell("accuracy", 0.0002, 0.0202, p=0.0001)
    assert (found.value, found.interval) == ("+0.010", "+0.0002 to +0.020")
    assert found.p_value == "p < 0.001"
    assert cell("accuracy", -0.0002, 0.0202).interval == "0.000 to +0.020"


def test_references_are_named_and_chance_is_counted() -> None:
    tables = difference_tables(read_run(example_metrics()))
    assert [table.reference for table in tables] == [
        "Head tuning (TL)",
        "Plain SVD (f+SVD) of the same rank",
    ]
    assert [len(table.rows) for table in tables] == [7, 4]
    assert [table.intervals for table in tables] == [56, 32]
    tags = [c.tag for _, cells in tables[0].rows for c in cells if c.tag]
    assert tables[0].excluding_zero == len(tags)


def test_a_reference_without_differences_has_no_table() -> None:
    metrics = example_metrics()
    for method in metrics["methods"]:
        method["differences"] = {}
    assert difference_tables(read_run(metrics)) == ()
