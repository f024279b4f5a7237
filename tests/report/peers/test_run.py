from __future__ import annotations

from tests.report.example_peers import DP, EO, example_peers

from fairfactor.report.peers.read import read_peers
from fairfactor.report.run import NO_ESTIMATE


def test_gaps_are_those_that_were_compared() -> None:
    metrics = example_peers()
    assert [gap.key for gap in read_peers(metrics).gaps] == [DP, EO]
    metrics |= {"frontiers": metrics["frontiers"][:1], "duels": []}
    assert [gap.key for gap in read_peers(metrics).gaps] == [DP]
    metrics |= {"frontiers": []}
    assert [gap.key for gap in read_peers(metrics).gaps] == [DP, EO]


def test_rows_without_results_are_not_measured() -> None:
    run = read_peers(example_peers())
    assert len(run.measured) == len(run.rows) - 2
    assert run.estimate("unmitigated", "accuracy").mean is not None
    assert run.estimate("oxonfair", "accuracy") == run.estimate("nobody", DP) == NO_ESTIMATE
