from __future__ import annotations

from typing import Any

from tests.report.example_peers import example_peers, example_peers_config
from tests.report.markup import Page

from fairfactor.report import render_report


def text_of(metrics: dict[str, Any]) -> str:
    return Page(render_report(metrics, example_peers_config())).text


def test_every_mean_and_every_seed_is_on_the_page() -> None:
    metrics = example_peers()
    text = text_of(metrics)
    measured = [row for row in metrics["rows"] if row["summary"]]
    for metric in metrics["metrics"]:
        digits = 2 if metric["unit"] == "%" else 3
        for row in measured:
            summary = row["summary"][metric["key"]]
            assert f"{summary['mean']:.{digits}f} ± {summary['sd']:.{digits}f}" in text
            for seed in row["seeds"]:
                assert f"{seed[metric['key']]:.{digits}f}" in text
        for frontier in metrics["frontiers"]:
            for point in frontier["points"]:
                assert f"{point['summary'][metric['key']]['mean']:.{digits}f}" in text
    assert "compares fairfactor with 10 settings of other methods on Adult" in text


def test_missing_methods_are_rows_with_their_reason() -> None:
    text = text_of(example_peers())
    assert "Not measured: not installed: pip install oxonfair" in text
    assert "Not measured: not supported: two groups only, not 5" in text
    everything = text_of(example_peers(all_missing=True))
    assert "No method has a result." in everything
    assert "There were no duels." in everything


def test_one_seed_says_that_it_has_no_intervals() -> None:
    text = text_of(example_peers(seeds=1))
    assert "one seed gives no intervals" in text
    assert "values of the one seed" in text


def test_the_area_is_left_out_if_it_was_not_measured() -> None:
    text = text_of(example_peers() | {"hypervolume": None})
    assert "How much of the plane" not in text
