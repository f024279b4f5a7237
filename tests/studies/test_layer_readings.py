from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fairfactor.mitigation import RECIPES
from fairfactor.part import Part
from fairfactor.problem import Problem
from fairfactor.studies.layer_readings import (
    DECISION,
    direction_shares,
    read_point,
    read_unmitigated,
)
from fairfactor.studies.tuning import Tuning


def drawn(seed: int, rows: int = 4000, shift: float = 3.0) -> Part:
    """Three inputs, of which the second tells the group."""
    generator = torch.Generator().manual_seed(seed)
    groups = torch.randint(-1, 2, (rows,), generator=generator)
    inputs = torch.randn(rows, 3, generator=generator)
    inputs[:, 1] += shift * groups
    return Part(inputs, torch.randint(2, (rows,), generator=generator), groups)


@pytest.fixture
def problem(tuning: Tuning) -> Problem:
    first = nn.Linear(3, 3)
    last = nn.Linear(3, 2)
    with torch.no_grad():
        first.weight.copy_(torch.diag(torch.tensor([5.0, 0.0, 1.0])))  # drops the second input
    backbone = nn.Sequential()
    backbone.add_module("first", first)
    backbone.add_module("last", last)
    parts = {name: drawn(seed) for seed, name in enumerate(("train", "validation", "test"))}
    return replace(tuning.problem, **parts, backbone=backbone.eval(), group_names=("f", "m"))


def test_a_layer_says_what_reaches_it(problem: Problem) -> None:
    first, last, decision = read_unmitigated(problem)
    assert [reading.layer for reading in (first, last, decision)] == ["first", "last", DECISION]
    assert [reading.width for reading in (first, last, decision)] == [3, 3, 1]
    for told, untold in zip(first.readability, last.readability, strict=True):
        assert told == pytest.approx(0.983, abs=0.01)  # Φ(3 / √2)
        assert untold == pytest.approx(0.5, abs=0.04)
    assert decision.shares == ()


def test_layers_without_one_input_a_row_are_left_out(problem: Problem) -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.each, self.unused, self.last = nn.Linear(1, 4), nn.Linear(2, 2), nn.Linear(3, 2)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.last(self.each(inputs[:, :, None]).mean(dim=2))

    own = replace(problem, backbone=Positions().eval())
    assert [reading.layer for reading in read_unmitigated(own)] == ["last", DECISION]


def test_test_rows_are_not_looked_at(problem: Problem) -> None:
    other = replace(problem, test=drawn(9, shift=-5.0))
    assert read_unmitigated(other) == read_unmitigated(problem)


def test_shares_are_those_of_a_loop() -> None:
    part = drawn(0).grouped
    weight = torch.randn(2, 3, generator=torch.Generator().manual_seed(1))
    x, groups = part.inputs.double().numpy(), part.groups.numpy()
    directions = np.linalg.svd(weight.double().numpy())[2][:2]
    total, along = 0.0, np.zeros(2)
    for group in (0, 1):
        difference = x[groups == group].mean(axis=0) - x.mean(axis=0)
        number = (groups == group).sum()
        total += number * (difference**2).sum()
        along += number * (directions @ difference) ** 2
    found = direction_shares(part.inputs, part.groups, weight)
    np.testing.assert_allclose(found, along / total, rtol=1e-6)


def test_equal_means_have_no_shares() -> None:
    x = torch.tensor([[1.0], [1.0]])
    assert direction_shares(x, torch.tensor([0, 1]), torch.ones(1, 1)) == ()


def test_a_group_without_validation_rows_is_left_out(problem: Problem) -> None:
    alone = replace(problem.validation, groups=torch.zeros_like(problem.validation.groups))
    for reading in read_unmitigated(replace(problem, validation=alone)):
        assert reading.readability == (None, None)


@pytest.mark.parametrize("recipe", ["late-features", "gap-penalty", "bias-aware"])
def test_every_recipe_can_be_read(tuning: Tuning, recipe: str) -> None:
    fitted = list(RECIPES[recipe].fit(tuning.problem, 0))[-1]
    weights = np.eye(2)[:, :, None].repeat(fitted.model.n_groups, axis=2)
    point = replace(
        tuning.tuned.chosen, cell_model=fitted.model, weights=weights, groups_at_prediction=False
    )
    readings = read_point(tuning.problem, point)
    assert [reading.layer for reading in readings] == ["hidden1", "hidden2", "head", DECISION]


def test_factors_are_one_layer_and_the_group_may_be_asked_for(tuning: Tuning) -> None:
    *_, blend = RECIPES["low-rank"].fit(tuning.problem, 0)
    weights = np.eye(2)[:, :, None].repeat(2, axis=2)
    point = replace(
        tuning.tuned.chosen, cell_model=blend.model, weights=weights, groups_at_prediction=True
    )
    names = [reading.layer for reading in read_point(tuning.problem, point)]
    assert names == ["trunk.hidden1", "trunk.hidden2", "head", "skip", DECISION]


def test_of_the_same_decision_for_everyone_only_the_scores_are_read(tuning: Tuning) -> None:
    (constant,) = RECIPES["constant"].fit(tuning.problem, 0)
    weights = np.eye(2)[:, :, None]
    point = replace(
        tuning.tuned.chosen, cell_model=constant.model, weights=weights, groups_at_prediction=False
    )
    (reading,) = read_point(tuning.problem, point)
    assert reading.layer == DECISION
    assert reading.readability == pytest.approx((0.5, 0.5))
