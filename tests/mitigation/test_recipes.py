import dataclasses

import pytest
import torch
from tests.mitigation.small_problem import small_problem

from fairfactor.mitigation.cell_model import cell_probabilities
from fairfactor.mitigation.cell_training import CellTrainingConfig
from fairfactor.mitigation.layer_factors import FactorConfig
from fairfactor.mitigation.recipes import CONSTANT, DEFAULT, RECIPES
from fairfactor.surgery import count_parameters


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    config = CellTrainingConfig(FactorConfig(rank=2), epochs=2, thresholds=2)
    monkeypatch.setattr("fairfactor.mitigation.cell_training.CellTrainingConfig", lambda: config)


@pytest.mark.parametrize("name", RECIPES)
def test_gives_probabilities_and_leaves_the_backbone_alone(name):
    problem = small_problem(n_classes=2, n_groups=3)
    before = {n: p.detach().clone() for n, p in problem.backbone.named_parameters()}
    fitted = list(RECIPES[name].fit(problem, 0))
    for one in fitted:
        cells = cell_probabilities(one.model, problem.validation.inputs)
        assert cells.shape == (800, 2, one.model.n_groups)
        torch.testing.assert_close(cells.sum(dim=(1, 2)), torch.ones(800))
        assert (one.trained_parameters > 0) == (name != CONSTANT)
    assert len({str(one.setting) for one in fitted}) == len(fitted)
    for key, parameter in problem.backbone.named_parameters():
        assert torch.equal(parameter, before[key])
        assert parameter.requires_grad


def test_parameters_counted_are_those_trained():
    problem = small_problem()
    late = next(RECIPES["late-features"].fit(problem, 0))
    assert late.trained_parameters == (12 + 8 + 1) * 4
    low_rank, *blends = RECIPES["low-rank"].fit(problem, 0)
    assert low_rank.trained_parameters == count_parameters(low_rank.model).total
    assert blends[0].trained_parameters == low_rank.trained_parameters + late.trained_parameters


@pytest.mark.parametrize("name", RECIPES)
def test_a_group_that_no_training_row_has(name):
    problem = small_problem(n_groups=3)
    groups = torch.where(problem.train.groups == 2, -1, problem.train.groups)
    rows = dataclasses.replace(problem.train, groups=groups)
    for fitted in RECIPES[name].fit(dataclasses.replace(problem, train=rows), 0):
        assert cell_probabilities(fitted.model, problem.validation.inputs).isfinite().all()


def test_default_recipes_exist():
    assert set(DEFAULT) <= set(RECIPES)
