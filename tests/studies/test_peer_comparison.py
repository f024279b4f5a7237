from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.studies.examples import hiring_frame, hiring_task, made_up_peers, small_compare_config

from fairfactor.errors import DataError
from fairfactor.studies import peer_comparison as module
from fairfactor.studies.peer_comparison import PeerComparison, compare_with_peers
from fairfactor.studies.peer_run import PeerRun


def without_seconds(run: PeerRun) -> tuple:
    outcomes = {entry: replace(outcome, seconds=0.0) for entry, outcome in run.outcomes.items()}
    return run.seed, run.gaps, outcomes, run.frontier, run.features


def test_every_seed_has_every_peer(peer_comparison: PeerComparison) -> None:
    assert [run.seed for run in peer_comparison.runs] == [0, 1]
    assert peer_comparison.entries == [("unmitigated", 0), ("gap-penalty-dp", 4)]
    for entry in peer_comparison.entries:
        assert peer_comparison.missing(entry[0]) is None
        assert len(peer_comparison.outcomes(entry)) == 2
    first, second = peer_comparison.outcomes(("unmitigated", 0))
    assert first.test != second.test


def test_seeds_can_run_in_processes(
    peer_comparison: PeerComparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes to a process and comes back survives the way; `run_seeds` has its own tests."""

    def run_seeds(one_seed: Callable[[int], PeerRun], seeds: range, **options: Any) -> list:
        assert (list(seeds), options) == ([0, 1], {"workers": 2, "on_seed": print})
        copied = pickle.loads(pickle.dumps(one_seed))
        return [pickle.loads(pickle.dumps(copied(seeds[0])))]

    monkeypatch.setattr(module, "run_seeds", run_seeds)
    other = compare_with_peers(hiring_task(), small_compare_config(), workers=2, on_seed=print)
    assert without_seconds(other.runs[0]) == without_seconds(peer_comparison.runs[0])


def test_several_settings_have_names_of_their_own(peer_comparison: PeerComparison) -> None:
    config = small_compare_config(settings=2)
    entries = replace(peer_comparison, config=config).entries
    assert [peer_comparison.entry_id(entry) for entry in entries] == [
        "unmitigated",
        "gap-penalty-dp-0",
        "gap-penalty-dp-4",
    ]


def test_a_peer_that_is_missing_on_one_seed_is_missing() -> None:
    comparison = made_up_peers([{}, {}], [{}, {}], missing={"fairgrad-eo": "not installed"})
    runs = (replace(comparison.runs[0], gaps={}), comparison.runs[1])
    assert replace(comparison, runs=runs).missing("fairgrad-eo") == "not installed"
    assert comparison.missing("gap-penalty-dp") is None


def test_groups_without_a_gap_are_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_seeds", None)
    frame = hiring_frame()
    frame.loc[frame["sex"] == "f", "hired"] = "no"
    with pytest.raises(DataError, match=r"^group 'f' has no rows of class 'yes'"):
        compare_with_peers(replace(hiring_task(), frame=frame), small_compare_config())
