from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.oracles import fairness_oracle
from tests.studies.examples import FROZEN, hiring_frame, hiring_task

from fairfactor.checkpoints import Checkpoints
from fairfactor.mitigation import Constraint
from fairfactor.part import Part
from fairfactor.peers import PEERS
from fairfactor.peers.peer import Peer, PeerResult
from fairfactor.problem import Problem, predict_classes
from fairfactor.protocol import make_problem
from fairfactor.studies import peer_run as module
from fairfactor.studies.peer_comparison import PeerComparison
from fairfactor.studies.peer_run import BOUNDS, GAPS, PeerRun, measure, run_peers, tried_settings
from fairfactor.studies.task_groups import task_groups


def run_one(frame: Any = None, **changes: Any) -> PeerRun:
    task = hiring_task() if frame is None else replace(hiring_task(), frame=frame)
    options = {
        "hidden": (8, 6),
        "backbone": "network",
        "peers": ("unmitigated",),
        "settings": 1,
        "recipes": FROZEN[1:],
        "seed": 0,
    }
    return run_peers(task, task_groups(task, 0), **(options | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "expected"), [(1, [4]), (2, [0, 4]), (3, [0, 2, 4]), (5, [0, 1, 2, 3, 4]), (9, 5)]
)
def test_settings_are_spread_from_the_weakest_to_the_strongest(settings, expected) -> None:
    assert len(PEERS["fairret-eo"].settings) == 5
    found = tried_settings("fairret-eo", settings)
    assert found == (expected if isinstance(expected, list) else [0, 1, 2, 3, 4])
    assert tried_settings("unmitigated", settings) == [0]


def test_every_metric_is_that_of_the_rows() -> None:
    problem = make_problem(hiring_task(), seed=0, hidden=(8, 6))
    test = problem.test
    predicted = predict_classes(problem.backbone, test.inputs)
    found = measure(problem, test, predicted)
    expected = fairness_oracle.metrics(test.labels.numpy(), predicted, test.groups.numpy(), 2)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value), name


class TestOurs:
    def test_our_gap_is_no_larger_than_the_peers_on_validation_rows(
        self, peer_comparison: PeerComparison
    ) -> None:
        """What is chosen for the peer's own gap is what the frontier offers for that bound."""
        for run in peer_comparison.runs:
            aimed = {key[0]: set(outcome.ours) for key, outcome in run.outcomes.items()}
            assert aimed == {"unmitigated": set(GAPS), "gap-penalty-dp": {"demographic_parity"}}

    def test_there_is_a_choice_for_each_gap_and_bound(
        self, peer_comparison: PeerComparison
    ) -> None:
        for run in peer_comparison.runs:
            assert set(run.frontier) == {(gap, bound) for gap in GAPS for bound in BOUNDS}
            for gap in GAPS:
                assert run.frontier[gap, BOUNDS[-1]].met


def always_no(problem: Problem, _setting: object) -> PeerResult:
    return PeerResult(
        np.zeros_like(problem.validation.labels), np.zeros_like(problem.test.labels), None
    )


class TestAnswer:
    def test_a_peer_that_decides_the_same_for_everyone_is_matched_by_name(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        peer = Peer("same", "The same for everyone", "none", always_no)
        monkeypatch.setattr(module, "PEERS", {"same": peer})
        outcome = run_one(peers=("same",)).outcomes["same", 0]
        for gap, metric in GAPS.items():
            ours = outcome.ours[gap]
            assert ours.met
            assert ours.test[metric] <= outcome.test[metric] == 0
            assert ours.test["accuracy"] >= outcome.test["accuracy"]
            assert ours.recipe == "constant"

    def test_its_accuracy_is_matched_on_validation_rows_alone(self) -> None:
        problem = make_problem(hiring_task(), seed=0, hidden=(8, 6))
        labels = problem.train.labels.clone()
        labels[torch.nonzero(labels == 1)[:1]] = 0  # the same decision is worth less there
        problem = replace(problem, train=replace(problem.train, labels=labels))
        ours = module._Ours(problem, FROZEN, 0, Checkpoints())
        same = next(point for point in ours.frontier.points if point.is_constant)
        assert same.metric("accuracy", "train") < same.metric("accuracy")
        found = ours.answer("demographic_parity", 0.0, same.metric("accuracy"))
        assert (found.met, found.recipe) == (True, "constant")

    def test_a_peer_that_uses_its_inputs_is_answered_by_what_can_be_expected(self) -> None:
        problem = make_problem(hiring_task(), seed=0, hidden=(8, 6))
        ours = module._Ours(problem, FROZEN, 0, Checkpoints())
        best = ours.frontier.select([]).point.metric("accuracy")
        for bound in BOUNDS:
            limit = Constraint("demographic_parity", bound)
            expected = ours._tested(ours.frontier.weigh([limit], price=1.0))
            assert ours.answer("demographic_parity", bound, best) == expected
            assert ours.choose("demographic_parity", bound) == expected


def test_test_rows_choose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = run_one()

    def with_other_labels(*arguments: Any, **options: Any) -> Problem:
        problem = make_problem(*arguments, **options)
        test = problem.test
        order = torch.randperm(len(test.labels), generator=torch.Generator().manual_seed(0))
        return replace(problem, test=Part(test.inputs, test.labels[order], test.groups))

    monkeypatch.setattr(module, "make_problem", with_other_labels)
    other = run_one()
    different = 0
    for key, choice in honest.frontier.items():
        changed = other.frontier[key]
        # Who is selected does not depend on labels: it is the same model on the same people.
        name = "demographic_parity_difference"
        assert changed.test[name] == choice.test[name]
        different += changed.test["accuracy"] != choice.test["accuracy"]
        assert (changed.met, changed.recipe) == (choice.met, choice.recipe)
    assert different > len(honest.frontier) / 2
    for entry, outcome in honest.outcomes.items():
        assert other.outcomes[entry].validation == outcome.validation


def test_a_peer_without_its_package_is_a_gap_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fairfactor.peers.peer.find_spec", lambda _name: None)
    run = run_one(peers=("fairgrad-eo", "unmitigated"))
    assert run.gaps == {"fairgrad-eo": "not installed: pip install fairgrad==0.2.0"}
    assert set(run.outcomes) == {("unmitigated", 0)}


def test_a_gap_that_validation_rows_cannot_tell_is_left_out() -> None:
    """Each group has both classes, but the few rows of one are not in every part of the split."""
    frame = hiring_frame()
    positives = frame.index[(frame["sex"] == "f") & (frame["hired"] == "yes")]
    frame.loc[positives[1:], "hired"] = "no"
    run = run_one(frame, peers=("unmitigated", "gap-penalty-eo"))
    outcome = run.outcomes["unmitigated", 0]
    assert np.isnan(outcome.validation["equal_opportunity_difference"])
    assert set(outcome.ours) == {"demographic_parity"}
    assert run.gaps["gap-penalty-eo"].startswith("not supported: group 'f' has no ")


def test_what_the_run_says_about_the_data(peer_comparison: PeerComparison) -> None:
    run = peer_comparison.runs[0]
    assert {name: sizes.sum() for name, sizes in run.group_sizes.items()} == {
        "train": 240,
        "validation": 180,
        "test": 180,
    }
    assert set(run.seconds) == {"pretraining", "ours", "peers"}
    assert "sex" not in run.features


def test_a_finished_seed_is_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path)
    first = run_one(peers=("unmitigated", "gap-penalty-dp"), checkpoints=checkpoints)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("pre-trained again")

    monkeypatch.setattr(module, "make_problem", refuse)
    again = run_one(peers=("unmitigated", "gap-penalty-dp"), checkpoints=checkpoints)
    for name, value in vars(first).items():
        np.testing.assert_equal(getattr(again, name), value)
    monkeypatch.setattr("fairfactor.peers.peer.find_spec", lambda _name: None)
    with pytest.raises(AssertionError, match="pre-trained again"):
        run_one(peers=("fairgrad-eo",), checkpoints=checkpoints)
