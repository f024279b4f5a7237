from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.studies.examples import hiring_frame, hiring_task, small_tuning

from fairfactor.errors import ArgumentError, DataError
from fairfactor.mitigation import Constraint
from fairfactor.part import Part
from fairfactor.problem import Problem
from fairfactor.protocol import make_problem
from fairfactor.studies import tuning as module
from fairfactor.studies.tuning import Tuning

ONE = ("input-features",)


def scrambled(part: Part) -> Part:
    """Rows of another world: other people, with other labels and groups."""
    order = torch.randperm(len(part.labels), generator=torch.Generator().manual_seed(0))
    return Part(-part.inputs, part.labels[order], part.groups[order.flip(0)])


def test_the_chosen_point_keeps_the_constraint_on_training_and_validation_rows(
    tuning: Tuning,
) -> None:
    [constraint] = tuning.constraints
    chosen = tuning.tuned.chosen
    assert str(constraint) == "equalized_odds<=0.2"
    assert tuning.tuned.met
    for counts in (chosen.train, chosen.validation):
        assert constraint.is_met(counts)
    assert constraint.is_met(chosen.validation, tuning.confidence)
    assert tuning.seconds["total"] == pytest.approx(
        tuning.seconds["pretraining"] + tuning.seconds["tuning"]
    )


def test_no_point_that_keeps_it_is_more_accurate(tuning: Tuning) -> None:
    [constraint] = tuning.constraints
    for point in tuning.tuned.frontier.points:
        if point.metric("accuracy") > tuning.tuned.chosen.metric("accuracy"):
            assert not (
                constraint.is_met(point.train)
                and constraint.is_met(point.validation, tuning.confidence)
            )


def test_test_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"recipes": ONE, "confidence": 0.6}
    honest = small_tuning("demographic_parity<=0.1", **asked)

    def with_other_test_rows(*arguments: object, **options: object) -> Problem:
        problem = make_problem(*arguments, **options)  # type: ignore[arg-type]
        return replace(problem, test=scrambled(problem.test))

    monkeypatch.setattr(module, "make_problem", with_other_test_rows)
    other = small_tuning("demographic_parity<=0.1", **asked)
    assert not torch.equal(other.problem.test.labels, honest.problem.test.labels)
    np.testing.assert_array_equal(other.tuned.chosen.weights, honest.tuned.chosen.weights)
    assert other.tuned.message == honest.tuned.message
    inputs = honest.problem.test.inputs
    assert torch.equal(other.tuned.chosen.decide(inputs), honest.tuned.chosen.decide(inputs))
    for ours, theirs in zip(honest.tuned.frontier.points, other.tuned.frontier.points, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
        np.testing.assert_array_equal(ours.validation.cells, theirs.validation.cells)


def test_more_confidence_costs_accuracy_and_buys_certainty() -> None:
    text = "demographic_parity<=0.15"
    bold, sure = (
        small_tuning(text, recipes=ONE, confidence=confidence).tuned for confidence in (None, 0.9)
    )
    constraint = Constraint.parse(text)
    assert bold.met
    assert sure.met
    assert not constraint.is_met(bold.chosen.validation, 0.9)
    assert constraint.is_met(sure.chosen.validation, 0.9)
    assert sure.chosen.metric("accuracy") <= bold.chosen.metric("accuracy")
    assert sure.chosen.metric("demographic_parity") < bold.chosen.metric("demographic_parity")


def test_several_constraints_hold_together() -> None:
    texts = ("demographic_parity<=0.15", "equal_opportunity<=0.2", "accuracy>=0.6")
    found = small_tuning(*texts, recipes=ONE)
    assert found.tuned.met
    for constraint in found.constraints:
        for counts in (found.tuned.chosen.train, found.tuned.chosen.validation):
            assert constraint.is_met(counts)


def test_without_a_constraint_the_most_accurate_point_is_chosen() -> None:
    found = small_tuning(recipes=ONE)
    accuracies = [point.metric("accuracy") for point in found.tuned.frontier.points]
    assert found.tuned.chosen.metric("accuracy") == max(accuracies)


def test_progress_is_told() -> None:
    steps: list[tuple[str, float]] = []
    small_tuning(recipes=ONE, on_progress=lambda *step: steps.append(step))
    assert steps == [
        ("Pre-training", 0.0),
        ("Bayes rule, groups from inputs", 0.0),
        ("Choosing", 1.0),
    ]


class TestRefusals:
    @pytest.fixture(autouse=True)
    def no_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every refusal comes before the work."""

        def fail(*_: object, **__: object) -> None:
            raise AssertionError("a network was trained")

        monkeypatch.setattr(module, "make_problem", fail)

    def test_a_constraint_that_is_none(self) -> None:
        with pytest.raises(ArgumentError, match=r"^metric='odds'"):
            small_tuning("odds<=0.1")

    def test_a_group_with_one_class(self) -> None:
        frame = hiring_frame()
        frame.loc[frame["sex"] == "f", "hired"] = "no"
        with pytest.raises(DataError, match=r"^group 'f' has no rows of class 'yes'"):
            small_tuning(task=replace(hiring_task(), frame=frame))

    def test_groups_that_are_all_small(self) -> None:
        with pytest.raises(DataError, match=r"^sensitive=sex gives the single group"):
            small_tuning(minimum_group_size=1000)
