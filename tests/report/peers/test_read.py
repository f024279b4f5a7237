from __future__ import annotations

from tests.report.example_peers import example_peers

from fairfactor.report.peers.read import read_peers
from fairfactor.report.run import NO_ESTIMATE


def test_reads_the_example() -> None:
    metrics = example_peers()
    run = read_peers(metrics)
    assert [row.key for row in run.rows] == [row["key"] for row in metrics["rows"]]
    assert run.rows[0].summary["accuracy"].mean == metrics["rows"][0]["summary"]["accuracy"]["mean"]
    assert run.rows[0].seconds.sd == 1.2
    assert len(run.frontiers[0].points) == 20
    assert run.duels[0].recipe_label == "Bayes rule, groups from inputs"
    assert set(run.duels[0].ours) == {"accuracy", "equalized_odds_difference_worst_case"}
    assert len(run.hypervolume) == 4


def test_what_is_missing_is_empty() -> None:
    run = read_peers(example_peers() | {"hypervolume": None})
    absent = next(row for row in run.rows if row.missing)
    assert (absent.summary, absent.seeds, absent.seconds) == ({}, (), NO_ESTIMATE)
    unreached = next(duel for duel in run.duels if duel.outcome == "not reached")
    assert (unreached.ours, unreached.accuracy_difference) == ({}, NO_ESTIMATE)
    assert run.hypervolume == ()
