from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.peers.example import biased_problem, biased_task
from torch import nn

from fairfactor.data.splits import benchmark_split
from fairfactor.errors import ArgumentError
from fairfactor.fairness import accuracy, confusion_counts
from fairfactor.groups import Groups
from fairfactor.problem import Problem, predict_classes
from fairfactor.protocol import HIDDEN, make_problem
from fairfactor.training import STEPS


@pytest.fixture(scope="module")
def problem() -> Problem:
    return biased_problem()


def test_the_parts_are_40_30_30_percent_with_the_same_share_of_classes(problem):
    parts = (problem.train, problem.validation, problem.test)
    assert [len(part.labels) for part in parts] == [400, 300, 300]
    assert [len(part.inputs) for part in parts] == [len(part.groups) for part in parts]
    rates = [float(part.labels.double().mean()) for part in parts]
    assert np.ptp(rates) < 0.01


def test_the_types_are_those_that_every_method_expects(problem):
    assert problem.train.inputs.dtype == torch.float32
    assert problem.train.labels.dtype == problem.train.groups.dtype == torch.int64
    assert problem.class_names == ("0", "1")
    assert problem.group_names == ("a", "b")
    assert problem.encoder.feature_names == ("skill", "effort", "luck", "hint")


def test_the_encoder_knows_the_training_rows_only(problem):
    torch.testing.assert_close(problem.train.inputs.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    assert float(problem.test.inputs.mean(0).abs().max()) > 1e-3


def test_the_network_has_the_widths_of_the_protocol(problem):
    assert problem.widths == (4, 16, 8, 2)
    assert not problem.backbone.training
    assert HIDDEN == (512, 256, 64)


def test_the_network_has_learned(problem):
    predicted = predict_classes(problem.backbone, problem.test.inputs)
    counts = confusion_counts(
        problem.test.labels.numpy(), predicted, problem.test.groups.numpy(), n_classes=2
    )
    assert accuracy(counts) > 0.75
    assert problem.seconds > 0


def test_the_same_seed_gives_the_same_problem_and_leaves_the_global_generator(problem):
    torch.manual_seed(5)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    again = make_problem(biased_task(), seed=0, hidden=(16, 8))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads
    assert torch.equal(again.train.inputs, problem.train.inputs)
    for old, new in zip(problem.backbone.parameters(), again.backbone.parameters(), strict=True):
        assert torch.equal(old, new)


@pytest.fixture(scope="module")
def boosted() -> Problem:
    return make_problem(biased_task(), seed=0, hidden=(16, 8), backbone="boosted-trees")


class TestBoostedTrees:
    def test_scores_stand_beside_the_same_inputs(self, problem, boosted):
        assert boosted.feature_names == (
            *problem.encoder.feature_names,
            "score of class 1",
            "score of group b",
        )
        assert boosted.widths == (6, 16, 8, 2)
        assert problem.tree_scores is None
        assert problem.feature_names == problem.encoder.feature_names
        for name in ("train", "validation", "test"):
            new, old = getattr(boosted, name), getattr(problem, name)
            assert torch.equal(new.inputs[:, :4], old.inputs)
            assert torch.equal(new.labels, old.labels)
            assert torch.equal(new.groups, old.groups)

    def test_those_of_other_rows_are_what_a_new_row_gets(self, problem, boosted):
        for name in ("validation", "test"):
            expected = boosted.tree_scores(getattr(problem, name).inputs)
            assert torch.equal(getattr(boosted, name).inputs, expected)
        assert not torch.equal(boosted.train.inputs, boosted.tree_scores(problem.train.inputs))

    def test_only_training_rows_are_learned_from(self, boosted):
        task = biased_task()
        split = benchmark_split(task.labels, seed=0)
        frame = task.frame.copy()
        others = np.concatenate([split["validation"], split["test"]])
        frame.loc[others, "group"] = frame.loc[others, "group"].map({"a": "b", "b": "a"})
        again = make_problem(
            replace(task, frame=frame), seed=0, hidden=(16, 8), backbone="boosted-trees"
        )
        assert not torch.equal(again.test.groups, boosted.test.groups)
        assert torch.equal(again.test.inputs, boosted.test.inputs)
        assert torch.equal(again.train.inputs, boosted.train.inputs)


def test_another_seed_gives_another_split_and_network(problem):
    other = biased_problem(seed=1)
    assert not torch.equal(other.train.inputs, problem.train.inputs)
    assert not torch.equal(other.backbone[0].weight, problem.backbone[0].weight)


def test_rows_without_a_group_are_kept():
    task = biased_task()
    codes = np.where(np.arange(1000) % 10 == 0, -1, task.frame["group"].eq("b"))
    groups = Groups(codes, ("a", "b"))
    part = make_problem(task, seed=0, hidden=(4,), groups=groups).train
    assert len(part.labels) == 400
    excluded = int((part.groups == -1).sum())
    assert excluded > 0
    assert len(part.grouped.labels) == 400 - excluded


def test_groups_must_be_those_of_the_rows():
    with pytest.raises(ArgumentError, match=r"groups=3.*1000 codes"):
        make_problem(biased_task(), seed=0, groups=Groups(np.zeros(3, dtype=int), ("a",)))


def test_a_category_that_training_does_not_have_is_no_warning():
    task = biased_task()
    frame = task.frame.assign(town=[f"town {i // 200}" for i in range(1000)])
    frame.loc[[0, 1, 2], "town"] = ["here", "there", "elsewhere"]
    problem = make_problem(replace(task, frame=frame), seed=1, hidden=(4,))
    assert problem.widths[0] < 4 + frame["town"].nunique()


def test_the_losses_of_the_training_are_kept(problem):
    steps = [point.step for point in problem.losses]
    assert steps == list(range(15, STEPS + 1, 15))
    with torch.no_grad():
        rows = problem.validation
        last = nn.functional.cross_entropy(problem.backbone(rows.inputs), rows.labels)
    assert problem.losses[-1].validation == pytest.approx(float(last))
    assert problem.losses[-1].training < problem.losses[0].training
