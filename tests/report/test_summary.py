from __future__ import annotations

from typing import Any

import pytest
from tests.report.example import example_metrics

from fairfactor.report.read import read_run
from fairfactor.report.summary import summary_rows


def best_of(intervals: list[tuple[float | None, float | None]], key: str) -> list[bool]:
    metrics: dict[str, Any] = example_metrics(methods=len(intervals))
    metrics["metrics"] = [metric for metric in metrics["metrics"] if metric["key"] == key]
    for method, (low, high) in zip(metrics["methods"], intervals, strict=True):
        method["summary"][key] |= {"low": low, "high": high}
    return [row.cells[0].best for row in summary_rows(read_run(metrics))]


@pytest.mark.parametrize(
    ("intervals", "lower_is_better", "higher_is_better"),
    [
        ([(1, 2), (3, 4), (3, 5)], [True, False, False], [False, False, False]),
        ([(1, 2), (3, 4), (4.5, 5)], [True, False, False], [False, False, True]),
        ([(1, 3), (2, 4), (5, 6)], [False, False, False], [False, False, True]),
        ([(1, 2), (3, 4), (None, None)], [False] * 3, [False] * 3),
        ([(1, 2)], [False], [False]),
    ],
)
def test_best_is_marked_only_if_its_interval_lies_apart(
    intervals: list[tuple[float | None, float | None]],
    lower_is_better: list[bool],
    higher_is_better: list[bool],
) -> None:
    assert best_of(intervals, "paper_error") == lower_is_better
    assert best_of(intervals, "accuracy") == higher_is_better


def test_rows_give_mean_spread_and_costs() -> None:
    metrics = example_metrics()
    row = summary_rows(read_run(metrics))[-1]
    summary = metrics["methods"][-1]["summary"]["paper_error"]
    assert row.cells[0].value == f"{summary['mean']:.2f}"
    assert row.cells[0].spread == f"± {summary['sd']:.2f}"
    assert (row.trained_parameters, row.total_parameters) == ("46", "746")


def test_one_seed_has_no_spread() -> None:
    rows = summary_rows(read_run(example_metrics(seeds=1)))
    assert {cell.spread for row in rows for cell in row.cells} == {""}
