from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, DataError
from fairfactor.factorization import (
    activation_whitened,
    bias_aware,
    fisher_weighted,
    full_neutralized,
    kronecker,
    neutralized,
    plain_svd,
)
from fairfactor.importance import group_fisher, input_moments
from fairfactor.neutralization import neutralize
from fairfactor.weighting import (
    ActivationWhitened,
    BiasAware,
    FisherWeighted,
    FullNeutralized,
    Kronecker,
    Measurement,
    Needs,
    Neutralized,
    Plain,
)

RANK = 3
WEIGHTINGS = [
    Plain(),
    FisherWeighted(),
    Neutralized(),
    FullNeutralized(),
    Kronecker(),
    ActivationWhitened(),
    BiasAware(),
]


def names(weighting: object) -> str:
    return type(weighting).__name__


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5)).eval()


@pytest.fixture(scope="module")
def batch() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    groups = torch.arange(90) % 3
    inputs = torch.randn(90, 6) + 0.5 * groups[:, None]
    return inputs, torch.randint(0, 5, (90,)), groups


@pytest.fixture(scope="module")
def measured(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Measurement:
    statistics = ("input_matrix", "kronecker")
    return Measurement(
        group_fisher(model, [batch], layers="0", statistics=statistics)["0"],
        input_moments(model, [batch], layers="0")["0"],
    )


def test_plain_is_the_truncated_svd(model: nn.Module) -> None:
    found = Plain().metrics(Measurement()).factorize(model[0].weight, RANK)
    assert torch.equal(found.product, plain_svd(model[0].weight, RANK).product)


def test_fisher_weighted_pools_all_samples(model: nn.Module, batch, measured: Measurement) -> None:
    inputs, targets, groups = batch
    pooled = group_fisher(model, [(inputs, targets, torch.zeros_like(groups))], layers="0")["0"]
    expected = fisher_weighted(model[0].weight, RANK, pooled.row_importance[0])
    found = FisherWeighted().metrics(measured).factorize(model[0].weight, RANK)
    torch.testing.assert_close(found.product, expected.product)


@pytest.mark.parametrize(
    "arguments", [{}, {"weights": (0.5, 0.2, 0.3)}, {"rule": "minimum"}, {"unit_mean": True}]
)
def test_neutralized_is_box_2_and_the_paper(model, measured: Measurement, arguments) -> None:
    importance = neutralize(measured.fisher.row_importance, **arguments)
    expected = neutralized(model[0].weight, RANK, importance)
    found = Neutralized(**arguments).metrics(measured).factorize(model[0].weight, RANK)
    assert torch.equal(found.down, expected.down)
    assert torch.equal(found.up, expected.up)


def test_alpha_is_the_weight_of_the_first_of_two_groups(measured: Measurement) -> None:
    fisher = measured.fisher
    two = dataclasses.replace(
        fisher,
        groups=fisher.groups[:2],
        counts=fisher.counts[:2],
        row_importance=fisher.row_importance[:2],
    )
    first, second = two.row_importance.sqrt()
    found = Neutralized(alpha=0.7).metrics(Measurement(two)).input_metric
    torch.testing.assert_close(found, (0.7 * first + 0.3 * second).square())
    with pytest.raises(ArgumentError, match="exactly two groups, and there are 3"):
        Neutralized(alpha=0.7).metrics(measured)


@pytest.mark.parametrize("weights", [None, (0.5, 0.2, 0.3)])
def test_full_neutralized_sums_the_input_matrices(model, measured: Measurement, weights) -> None:
    matrices = measured.fisher.input_matrix
    expected = full_neutralized(
        model[0].weight, RANK, matrices, None if weights is None else torch.tensor(weights)
    )
    found = FullNeutralized(weights).metrics(measured).factorize(model[0].weight, RANK)
    torch.testing.assert_close(found.product, expected.product)


@pytest.mark.parametrize("weights", [None, (0.5, 0.3, 0.2)])
@pytest.mark.parametrize("kind", [Neutralized, FullNeutralized])
def test_small_groups_are_dropped_from_the_neutraliser_alone(
    measured: Measurement, kind: type, weights: tuple[float, ...] | None
) -> None:
    fisher = dataclasses.replace(measured.fisher, counts=torch.tensor([30, 29, 31]))
    large = dataclasses.replace(
        fisher,
        groups=("0", "2"),
        counts=fisher.counts[[0, 2]],
        row_importance=fisher.row_importance[[0, 2]],
        input_matrix=fisher.input_matrix[[0, 2]],
    )
    found = kind(weights=weights, minimum_samples=30).metrics(Measurement(fisher))
    shares = weights and (0.5 / 0.7, 0.2 / 0.7)
    expected = kind(weights=shares).metrics(Measurement(large))
    torch.testing.assert_close(found.input_metric, expected.input_metric)
    everyone = kind(weights=weights, minimum_samples=29).metrics(Measurement(fisher))
    assert not torch.allclose(found.input_metric, everyone.input_metric)


def test_dropping_every_group_or_all_the_weight_is_refused(measured: Measurement) -> None:
    with pytest.raises(DataError, match="minimum_samples=31 samples, the largest has 30"):
        Neutralized(minimum_samples=31).metrics(measured)
    fisher = dataclasses.replace(measured.fisher, counts=torch.tensor([30, 9, 30]))
    with pytest.raises(DataError, match="All weight is on groups of fewer than"):
        Neutralized(weights=(0.0, 1.0, 0.0), minimum_samples=30).metrics(Measurement(fisher))


def test_kronecker_pools_the_factors_of_all_samples(model, batch, measured: Measurement) -> None:
    inputs, targets, groups = batch
    pooled = group_fisher(
        model, [(inputs, targets, torch.zeros_like(groups))], layers="0", statistics=("kronecker",)
    )["0"]
    expected = kronecker(model[0].weight, RANK, pooled.input_factor[0], pooled.output_factor[0])
    found = Kronecker().metrics(measured).factorize(model[0].weight, RANK)
    torch.testing.assert_close(found.product, expected.product, rtol=1e-4, atol=1e-6)


def test_activation_whitened_takes_the_second_moment(model, batch, measured: Measurement) -> None:
    inputs = batch[0].double()
    expected = activation_whitened(model[0].weight, RANK, inputs.T @ inputs / len(inputs))
    found = ActivationWhitened().metrics(measured).factorize(model[0].weight, RANK)
    torch.testing.assert_close(found.product, expected.product, rtol=1e-4, atol=1e-6)
    covariance = torch.cov(inputs.T, correction=0)
    found = ActivationWhitened(centered=True).metrics(measured).input_metric
    torch.testing.assert_close(found, covariance, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("notion", ["demographic_parity", "equal_opportunity", "equalized_odds"])
@pytest.mark.parametrize("base", [Plain(), Neutralized(), Kronecker()], ids=names)
def test_bias_aware_adds_directions_to_any_weighting(model, measured, notion, base) -> None:
    metrics = base.metrics(measured)
    metric = metrics.input_metric
    scale = (
        1.0
        if metric is None
        else float((torch.diag(metric) if metric.ndim == 2 else metric).mean())
    )
    directions = getattr(measured.moments, f"{notion}_directions")()
    expected = bias_aware(
        model[0].weight,
        RANK,
        directions,
        2.0 * scale,
        input_metric=metric,
        output_metric=metrics.output_metric,
    )
    found = BiasAware(base, notion, strength=2.0).metrics(measured).factorize(model[0].weight, RANK)
    torch.testing.assert_close(found.product, expected.product)


def test_infinite_strength_erases_the_directions(model, measured: Measurement) -> None:
    weighting = BiasAware(Neutralized(), "demographic_parity", strength=math.inf)
    weight = model[0].weight.detach().double()
    product = weighting.metrics(measured).factorize(weight, RANK).product
    directions = measured.moments.demographic_parity_directions()
    assert float((product @ directions).abs().max()) < 1e-9 * float((weight @ directions).norm())


def test_needs_of_bias_aware_are_those_of_its_parts() -> None:
    parity = BiasAware(Kronecker(), "demographic_parity")
    assert parity.needs == Needs(("kronecker",), "group")
    assert BiasAware(Plain(), "equalized_odds").needs == Needs((), "group_and_class")


def test_spectra_in_units_of_the_loss_can_be_compared() -> None:
    comparable = {names(weighting): weighting.in_units_of_loss for weighting in WEIGHTINGS}
    assert [name for name, is_so in comparable.items() if not is_so] == [
        "Plain",
        "ActivationWhitened",
    ]
    assert not Neutralized(unit_mean=True).in_units_of_loss
    assert not BiasAware(Plain()).in_units_of_loss


@pytest.mark.parametrize("weighting", WEIGHTINGS[1:], ids=names)
def test_what_was_not_measured_is_refused(weighting) -> None:
    with pytest.raises(ArgumentError, match=r"measured=None.*Measure what `needs` names"):
        weighting.metrics(Measurement())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"notion": "parity"}, "notion='parity'"),
        ({"strength": 0.0}, "strength=0.0"),
        ({"strength": math.nan}, "strength=nan"),
        ({"base": BiasAware()}, r"base=BiasAware\(.*a weighting without directions"),
    ],
)
def test_bias_aware_refuses_values_that_mean_nothing(arguments, message) -> None:
    with pytest.raises(ArgumentError, match=message):
        BiasAware(**arguments)
