import math

import pytest
import torch
from tests.mitigation.small_problem import small_problem

from fairfactor.errors import ArgumentError
from fairfactor.features import layer_inputs
from fairfactor.importance import group_fisher
from fairfactor.mitigation.layer_factors import FactorConfig, layer_factors
from fairfactor.neutralization import neutralize


@pytest.fixture(scope="module")
def problem():
    return small_problem(n_groups=3)


def factors_of(problem, config, layer="hidden2"):
    rows = problem.train
    return layer_factors(problem.backbone, [layer], rows.inputs, rows.labels, rows.groups, config)[
        layer
    ]


def test_activations_minimise_the_error_of_the_output(problem):
    rows = problem.train.groups >= 0
    inputs = layer_inputs(problem.backbone, "hidden2", problem.train.inputs[rows]).double()
    weight = problem.backbone.hidden2.weight.detach().double()

    def error(config):
        factors = factors_of(problem, config)
        difference = weight - factors.up.double() @ factors.down.double()
        return float((inputs @ difference.T).square().sum())

    _, values, _ = torch.linalg.svd(inputs @ weight.T)
    best = float(values[3:].square().sum())
    assert error(FactorConfig(3, "activations")) == pytest.approx(best, rel=1e-4)
    assert error(FactorConfig(3, "plain")) > best


def test_neutralized_is_the_papers_weighting(problem):
    rows = problem.train
    fisher = group_fisher(
        problem.backbone, [(rows.inputs, rows.labels, rows.groups)], layers="hidden2"
    )
    importance = neutralize(fisher["hidden2"].row_importance)
    weight = problem.backbone.hidden2.weight.detach().double()
    factors = factors_of(problem, FactorConfig(2, "neutralized"))
    product = factors.up.double() @ factors.down.double()
    values = torch.linalg.svdvals(weight * importance)
    error = ((weight - product) * importance).square().sum()
    torch.testing.assert_close(error, values[2:].square().sum(), rtol=1e-4, atol=0)


def test_full_neutralized_and_covariance_differ_from_each_other(problem):
    products = []
    for metric in ("full_neutralized", "covariance", "activations", "neutralized"):
        factors = factors_of(problem, FactorConfig(2, metric))
        products.append(factors.up @ factors.down)
    for index, product in enumerate(products):
        assert all(not torch.allclose(product, other, rtol=1e-3) for other in products[:index])


def test_infinite_strength_erases_the_directions(problem):
    config = FactorConfig(3, "covariance", "demographic_parity", math.inf)
    factors = factors_of(problem, config)
    inputs = layer_inputs(problem.backbone, "hidden2", problem.train.inputs)
    means = torch.stack([inputs[problem.train.groups == s].mean(dim=0) for s in range(3)])
    outputs = (means - means.mean(dim=0)) @ factors.down.T
    torch.testing.assert_close(outputs, torch.zeros_like(outputs), atol=1e-4, rtol=0)


def test_a_group_without_rows_is_left_out(problem):
    rows = problem.train
    groups = torch.where(rows.groups == 1, -1, rows.groups)
    config = FactorConfig(2, "full_neutralized", "equalized_odds", 1.0)
    found = layer_factors(problem.backbone, ["hidden2"], rows.inputs, rows.labels, groups, config)[
        "hidden2"
    ]
    assert found.up.isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "svd"}, "metric='svd'"),
        ({"directions": "odds", "strength": 1.0}, "directions='odds'"),
        ({"strength": 1.0}, "strength=1.0"),
        ({"directions": "equalized_odds"}, "strength=0.0"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        FactorConfig(**arguments)
