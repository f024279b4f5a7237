import json

import numpy as np
import pytest
import torch
from tests.mitigation.small_problem import WIDTHS, small_problem

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.mitigation.bias_aware import fit_bias_aware
from fairfactor.mitigation.cell_model import ComposedCells, cell_probabilities
from fairfactor.mitigation.cell_training import CellTrainingConfig, tuned_factor_network
from fairfactor.mitigation.decisions import known_group
from fairfactor.mitigation.fair_model import FairModel, load_fair_model, save_fair_model
from fairfactor.mitigation.layer_factors import FactorConfig
from fairfactor.mitigation.low_rank_cells import LowRankCells
from fairfactor.mitigation.recipes import fit_constant, fit_late_features
from fairfactor.models.mlp import build_mlp
from fairfactor.surgery import save_model


@pytest.fixture(scope="module")
def problem():
    return small_problem(n_classes=2, n_groups=3)


@pytest.fixture(scope="module")
def cell_models(problem):
    config = CellTrainingConfig(FactorConfig(rank=2), epochs=1, thresholds=4)
    low_rank = LowRankCells(tuned_factor_network(problem, seed=0, config=config))
    frozen = next(fit_late_features(problem, 0)).model
    return {
        "frozen_cells": frozen,
        "low_rank_cells": low_rank,
        "composed_cells": ComposedCells(low_rank, frozen, 0.25),
    }


def backbone():
    return build_mlp((*WIDTHS, 2), seed=99)


def weights(n_groups=3):
    return np.random.default_rng(0).normal(size=(2, 2, n_groups))


@pytest.mark.parametrize("kind", ["frozen_cells", "low_rank_cells", "composed_cells"])
@pytest.mark.parametrize("knows_groups", [False, True])
def test_round_trip_is_bit_identical(kind, knows_groups, cell_models, problem, tmp_path):
    model = FairModel(cell_models[kind], weights(), groups_at_prediction=knows_groups).eval()
    groups = (problem.validation.groups,) if knows_groups else ()
    before = model(problem.validation.inputs, *groups)
    save_fair_model(model, tmp_path / "model", origin={"recipe": kind})
    loaded = load_fair_model(tmp_path / "model", backbone)
    assert torch.equal(loaded(problem.validation.inputs, *groups), before)
    assert not loaded.training
    assert json.loads((tmp_path / "model" / "config.json").read_text())


def test_the_same_decision_for_everyone_round_trips(problem, tmp_path):
    fitted = next(fit_constant(problem, 0))
    model = FairModel(fitted.model, np.eye(2)[:, :, None]).eval()
    save_fair_model(model, tmp_path / "model")
    loaded = load_fair_model(tmp_path / "model", backbone)
    decided = loaded(problem.validation.inputs).argmax(dim=1)
    assert (decided == problem.train.labels.mode().values).all()
    assert fitted.setting == {"decision": f"class {int(decided[0])}"}


def test_a_network_with_locked_factors_round_trips(problem, tmp_path):
    fitted = next(fit_bias_aware(problem, 0))
    model = FairModel(fitted.model, np.eye(2)[:, :, None]).eval()
    before = model(problem.validation.inputs)
    save_fair_model(model, tmp_path / "model")
    loaded = load_fair_model(tmp_path / "model", backbone)
    assert torch.equal(loaded(problem.validation.inputs), before)


@pytest.mark.parametrize("kind", ["frozen_cells", "low_rank_cells", "composed_cells"])
def test_decides_by_the_weighted_cells(kind, cell_models, problem):
    model = FairModel(cell_models[kind], weights()).eval()
    cells = cell_probabilities(cell_models[kind], problem.validation.inputs).numpy()
    expected = np.einsum("cys,xys->xc", weights(), cells)
    found = model(problem.validation.inputs)
    assert (found[:, 0] == 0).all()
    np.testing.assert_allclose(
        found[:, 1].detach().numpy(), expected[:, 1] - expected[:, 0], atol=1e-5
    )


def test_a_known_group_gives_thresholds_of_its_own(cell_models, problem):
    model = FairModel(cell_models["frozen_cells"], weights(), groups_at_prediction=True).eval()
    groups = problem.validation.groups
    cells = cell_probabilities(cell_models["frozen_cells"], problem.validation.inputs)
    expected = known_group(cells, groups).numpy().reshape(len(cells), -1)
    relative = (weights() - weights()[:1]).reshape(2, -1)
    found = model(problem.validation.inputs, groups)
    np.testing.assert_allclose(found.detach().numpy(), expected @ relative.T, atol=1e-5)


def test_groups_are_asked_for_exactly_where_they_are_used(cell_models, problem):
    inputs, groups = problem.validation.inputs, problem.validation.groups
    with pytest.raises(ArgumentError, match="groups"):
        FairModel(cell_models["frozen_cells"], weights())(inputs, groups)
    with pytest.raises(ArgumentError, match="groups"):
        FairModel(cell_models["frozen_cells"], weights(), groups_at_prediction=True)(inputs)


def test_refuses_folders_that_hold_something_else(cell_models, tmp_path):
    save_model(backbone(), tmp_path / "plain")
    with pytest.raises(SavedModelError, match="does not hold a fair model"):
        load_fair_model(tmp_path / "plain", backbone)
    save_fair_model(FairModel(cell_models["frozen_cells"], weights()), tmp_path / "model")
    with pytest.raises(SavedModelError, match="fit"):
        load_fair_model(tmp_path / "model", lambda: build_mlp((3, 4, 2)))
    with pytest.raises(SavedModelError, match="cannot be read"):
        load_fair_model(tmp_path / "nothing", backbone)
