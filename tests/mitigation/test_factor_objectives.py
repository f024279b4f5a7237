import dataclasses

import pytest
import torch
from tests.mitigation.small_problem import small_problem

from fairfactor.mitigation.cell_training import CellTrainingConfig
from fairfactor.mitigation.factor_objectives import (
    PathConfig,
    class_factors,
    group_weighted_factors,
    penalised_factors,
)
from fairfactor.mitigation.layer_factors import FactorConfig

QUICK = PathConfig(
    CellTrainingConfig(FactorConfig(rank=3), epochs=8, batch_size=64, thresholds=4), epochs=4
)


@pytest.fixture(scope="module")
def problem():
    return small_problem()


@pytest.fixture(scope="module")
def start(problem):
    return class_factors(problem, seed=0, config=QUICK)


def positive_gap(network, rows):
    p = network(rows.inputs)[:, 1, 0].exp()
    return abs(float(p[rows.groups == 0].mean() - p[rows.groups == 1].mean()))


def test_stronger_penalties_leave_smaller_gaps(problem, start):
    networks = list(
        penalised_factors(
            problem, start, "demographic_parity", (0.0, 5.0, 100.0), seed=0, config=QUICK
        )
    )
    gaps = [positive_gap(network, problem.validation) for network in networks]
    assert gaps[0] > 1.5 * gaps[1]
    assert gaps[1] > gaps[2]
    assert not any(p.requires_grad for network in networks for p in network.parameters())
    assert all(not network.training for network in networks)


def test_weights_help_the_worst_cell(problem, start):
    def worst(network):
        log_p = network(problem.train.inputs)[:, :, 0]
        correct = log_p.argmax(dim=1) == problem.train.labels
        cells = problem.train.labels * 2 + problem.train.groups
        included = problem.train.groups >= 0
        return min(float(correct[included & (cells == c)].float().mean()) for c in range(4))

    [alike] = group_weighted_factors(problem, start, "cells", (0.0,), seed=0, config=QUICK)
    assert worst(alike) > worst(start) + 0.02


def test_the_start_is_not_changed_and_the_seed_decides_everything(problem, start):
    before = {name: value.clone() for name, value in start.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    found = [
        [
            network(problem.train.inputs)
            for network in penalised_factors(
                problem, start, "equalized_odds", (1.0, 2.0), seed=seed, config=QUICK
            )
        ]
        for seed in (0, 0, 1)
    ]
    assert torch.equal(torch.rand(2), expected)
    assert all(map(torch.equal, found[0], found[1]))
    assert not torch.equal(found[0][0], found[2][0])
    for name, value in start.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("over", ["groups", "cells"])
def test_batches_that_miss_a_group_give_no_nan(problem, start, over):
    """A group of three rows is in hardly any batch."""
    groups = problem.train.groups.clone()
    groups[groups == 1] = 0
    groups[:3] = 1
    rows = dataclasses.replace(problem.train, groups=groups)
    rare = dataclasses.replace(problem, train=rows)
    paths = (
        group_weighted_factors(rare, start, over, (0.1,), seed=0, config=QUICK),
        penalised_factors(rare, start, "equalized_odds", (10.0,), seed=0, config=QUICK),
    )
    for path in paths:
        for network in path:
            assert network(problem.train.inputs).isfinite().all()
