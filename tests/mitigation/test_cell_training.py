import dataclasses

import pytest
import torch
from tests.mitigation.small_problem import small_problem

from fairfactor.errors import DataError
from fairfactor.mitigation.cell_training import CellTrainingConfig, tuned_factor_network
from fairfactor.mitigation.layer_factors import FactorConfig
from fairfactor.surgery import LowRankLinear

QUICK = CellTrainingConfig(FactorConfig(rank=3), epochs=8, batch_size=64, thresholds=4)


@pytest.fixture(scope="module")
def problem():
    return small_problem()


def cell_loss(network, rows):
    included = rows.groups >= 0
    cells = network(rows.inputs)[included].flatten(1)
    codes = (rows.labels * 2 + rows.groups)[included]
    return float(-cells[torch.arange(len(codes)), codes].mean())


def test_learns_the_cells_with_low_rank_layers(problem):
    start = dataclasses.replace(QUICK, learning_rate=1e-9)
    before = cell_loss(tuned_factor_network(problem, seed=0, config=start), problem.validation)
    network = tuned_factor_network(problem, seed=0, config=QUICK)
    assert cell_loss(network, problem.validation) < before - 0.1
    assert all(
        isinstance(network.trunk.get_submodule(name), LowRankLinear)
        for name in ("hidden1", "hidden2", "hidden3")
    )
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_seed_decides_everything_and_leaves_the_global_generator_alone(problem):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    epochs = []
    config = dataclasses.replace(QUICK, epochs=2)
    networks = [
        tuned_factor_network(problem, seed=s, config=config, on_epoch=lambda: epochs.append(1))
        for s in (0, 0, 1)
    ]
    assert torch.equal(torch.rand(3), expected)
    outputs = [network(problem.train.inputs) for network in networks]
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    assert len(epochs) == 6


@pytest.mark.parametrize("metric", ["plain", "neutralized", "full_neutralized", "covariance"])
def test_any_metric_starts_it(problem, metric):
    factors = FactorConfig(2, metric, "equalized_odds", 1.0)
    config = dataclasses.replace(QUICK, factors=factors, epochs=1)
    network = tuned_factor_network(problem, seed=0, config=config)
    assert network(problem.train.inputs).isfinite().all()


def test_no_row_with_a_group_is_refused(problem):
    rows = dataclasses.replace(problem.train, groups=torch.full_like(problem.train.groups, -1))
    with pytest.raises(DataError, match="no training row has a group"):
        tuned_factor_network(dataclasses.replace(problem, train=rows), seed=0)
