from __future__ import annotations

import pytest
from tests.report.example_peers import DP, EO, example_peers

from fairfactor.report.peers.read import read_peers
from fairfactor.report.peers.tables import (
    area_metrics,
    area_rows,
    duel_rows,
    duels_in_words,
    mean_and_spread,
)
from fairfactor.report.run import Estimate


def test_a_duel_gives_both_sides_and_their_difference() -> None:
    metrics = example_peers()
    row = duel_rows(read_peers(metrics))[2]
    duel = metrics["duels"][2]
    assert row.label == "Exponentiated gradient, EO"
    assert row.peer[0] == f"{metrics['rows'][2]['summary']['accuracy']['mean']:.3f}"
    assert row.ours[0] == f"{duel['ours']['accuracy']['mean']:.3f}"
    assert row.accuracy.value == f"+{duel['accuracy_difference']['mean']:.3f}"
    assert row.accuracy.p_value == "p = 0.0040"


@pytest.mark.parametrize(
    ("outcome", "tag"),
    [
        ("ours better", "better"),
        ("peer better", "worse"),
        ("no difference detected", ""),
        ("not reached", ""),
    ],
)
def test_only_a_difference_is_tagged(outcome: str, tag: str) -> None:
    metrics = example_peers()
    metrics["duels"][0]["outcome"] = outcome
    row = duel_rows(read_peers(metrics))[0]
    assert (row.outcome, row.tag) == (outcome, tag)


def test_outcomes_are_counted_in_words() -> None:
    metrics = example_peers()
    assert duels_in_words(read_peers(metrics)) == (
        "Of 10: ours better in 7, no difference detected in 1, peer better in 1 and not reached "
        "in 1."
    )
    assert duels_in_words(read_peers(metrics | {"duels": []})) == ""


def test_a_peer_that_has_no_row_keeps_its_key() -> None:
    metrics = example_peers()
    metrics["duels"][0]["peer"] = "stranger"
    row = duel_rows(read_peers(metrics))[0]
    assert (row.label, row.peer) == ("stranger", ("—", "—"))


def test_areas_are_sorted_into_rows_and_columns() -> None:
    metrics = example_peers()
    metrics["hypervolume"].pop()
    run = read_peers(metrics)
    assert [metric.key for metric in area_metrics(run)] == [DP, EO]
    assert [row.areas for row in area_rows(run)] == [
        (("0.710", "± 0.011"), ("0.710", "± 0.011")),
        (("0.620", "± 0.011"), ("—", "")),
    ]


def test_a_mean_without_a_spread() -> None:
    assert mean_and_spread(Estimate(0.5, None, None), 2) == ("0.50", "")
