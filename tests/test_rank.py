import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairfactor.errors import ArgumentError
from fairfactor.factorization import factorize
from fairfactor.rank import (
    EnergyThreshold,
    FixedRank,
    LayerSpectrum,
    ParameterBudget,
    RankFraction,
    allocate_ranks,
    break_even_rank,
)


def spectrum(outputs: int, inputs: int, seed: int = 0) -> LayerSpectrum:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(min(outputs, inputs), generator=generator, dtype=torch.float64) ** 2
    return LayerSpectrum(outputs, inputs, values.sort(descending=True).values)


def network() -> dict[str, LayerSpectrum]:
    return {"body.0": spectrum(6, 10), "body.1": spectrum(4, 6, seed=1), "head": spectrum(2, 4)}


def parameters(layers: dict[str, LayerSpectrum], ranks: dict[str, int]) -> int:
    return sum(
        ranks[name] * (layer.out_features + layer.in_features) for name, layer in layers.items()
    )


def kept(layers: dict[str, LayerSpectrum], ranks: dict[str, int]) -> float:
    return sum(
        float(layer.singular_values[: ranks[name]].square().sum()) for name, layer in layers.items()
    )


@given(outputs=st.integers(1, 300), inputs=st.integers(1, 300))
@settings(deadline=None, max_examples=100, derandomize=True)
def test_break_even_rank_is_the_last_that_saves(outputs, inputs):
    rank = break_even_rank(outputs, inputs)
    assert rank * (outputs + inputs) < outputs * inputs
    assert (rank + 1) * (outputs + inputs) >= outputs * inputs


def test_break_even_rank_of_known_layers():
    assert break_even_rank(2, 20) == 1  # the paper's head on Adult: 46 parameters against 42
    assert break_even_rank(1, 512) == 0
    assert break_even_rank(4, 4) == 1
    assert break_even_rank(768, 768) == 383


def test_fixed_rank():
    assert allocate_ranks(network(), FixedRank(2)) == {"body.0": 2, "body.1": 2, "head": 2}


def test_fraction_of_the_full_rank_is_at_least_one():
    layers = {
        "wide": LayerSpectrum(8, 100),
        "tall": LayerSpectrum(100, 21),
        "head": LayerSpectrum(2, 8),
    }
    assert allocate_ranks(layers, RankFraction(0.25)) == {"wide": 2, "tall": 5, "head": 1}
    assert allocate_ranks(layers, RankFraction(1.0)) == {"wide": 8, "tall": 21, "head": 2}


@pytest.mark.parametrize(
    ("full_rank", "fraction", "expected"),
    [(64, 0.25, 16), (64, 0.4, 32), (64, 0.01, 16), (64, 1.0, 64), (40, 1.0, 32), (2, 0.5, 1)],
)
def test_fractions_are_rounded_to_multiples(full_rank, fraction, expected):
    layers = {"only": LayerSpectrum(full_rank, 2 * full_rank)}
    assert allocate_ranks(layers, RankFraction(fraction, multiple_of=16)) == {"only": expected}


@pytest.mark.parametrize("multiple_of", [0, -1, 2.0, True])
def test_multiples_are_positive_integers(multiple_of):
    with pytest.raises(ArgumentError, match="multiple_of"):
        RankFraction(0.5, multiple_of=multiple_of)


@given(energy=st.floats(0.01, 1.0), seed=st.integers(0, 50))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_energy_threshold_is_the_smallest_that_suffices(energy, seed):
    layer = spectrum(7, 9, seed)
    rank = allocate_ranks({"layer": layer}, EnergyThreshold(energy))["layer"]
    squares = layer.singular_values.square()
    assert float(squares[:rank].sum()) >= energy * float(squares.sum()) * (1 - 1e-12)
    assert rank == 1 or float(squares[: rank - 1].sum()) < energy * float(squares.sum())


def test_energy_threshold_ignores_components_of_zero():
    layers = {
        "low": LayerSpectrum(4, 5, torch.tensor([3.0, 1.0, 0.0, 0.0])),
        "zero": LayerSpectrum(3, 5, torch.zeros(3)),
    }
    assert allocate_ranks(layers, EnergyThreshold(1.0)) == {"low": 2, "zero": 1}


@pytest.mark.parametrize("budget", range(32, 141, 6))
def test_budget_is_kept_and_all_but_optimal(budget):
    layers = network()
    ranks = allocate_ranks(layers, ParameterBudget(budget))
    assert parameters(layers, ranks) <= budget
    affordable = [
        dict(zip(layers, choice, strict=True))
        for choice in itertools.product(
            *(range(1, layer.full_rank + 1) for layer in layers.values())
        )
    ]
    best = max(
        kept(layers, choice) for choice in affordable if parameters(layers, choice) <= budget
    )
    largest_left_out = max(
        (
            float(layer.singular_values[ranks[name]] ** 2)
            for name, layer in layers.items()
            if ranks[name] < layer.full_rank
        ),
        default=0.0,
    )
    assert best - largest_left_out <= kept(layers, ranks) <= best


@given(seed=st.integers(0, 200), components=st.integers(3, 12))
@settings(deadline=None, max_examples=30, derandomize=True)
def test_budget_is_optimal_when_all_components_cost_the_same(seed, components):
    layers = {name: spectrum(4, 6, seed + shift) for shift, name in enumerate("abc")}
    ranks = allocate_ranks(layers, ParameterBudget(10 * components))
    assert sum(ranks.values()) == components
    best = max(
        kept(layers, dict(zip(layers, choice, strict=True)))
        for choice in itertools.product(range(1, 5), repeat=3)
        if sum(choice) <= components
    )
    assert kept(layers, ranks) == pytest.approx(best)


def test_budget_spends_nothing_on_components_of_zero():
    layers = {"low": LayerSpectrum(3, 4, torch.tensor([1.0, 0.5, 0.0]))}
    assert allocate_ranks(layers, ParameterBudget(1000)) == {"low": 2}


def test_budget_prefers_the_layer_that_its_metric_calls_important():
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(2, 8, 8, generator=generator, dtype=torch.float64)
    layers = {}
    for name, weight, importance in zip(("minor", "major"), weights, (1e-3, 1.0), strict=True):
        factors = factorize(weight, 1, input_metric=importance * torch.ones(8))
        layers[name] = LayerSpectrum(8, 8, factors.singular_values)
    ranks = allocate_ranks(layers, ParameterBudget(16 * 6))
    assert ranks == {"minor": 1, "major": 5}


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (FixedRank(3), r"rank of layer 'head'=3.*1 to 2 for a weight of 2 x 4"),
        (FixedRank(0), r"rank of layer 'body.0'=0.*1 to 6"),
        (ParameterBudget(31), "parameters=31.*at least 32, which is rank 1 in all 3 layers"),
    ],
)
def test_refuses_ranks_that_layers_cannot_have(policy, message):
    with pytest.raises(ArgumentError, match=message):
        allocate_ranks(network(), policy)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_refuses_shares_outside_the_unit_interval(share):
    with pytest.raises(ArgumentError, match="fraction="):
        RankFraction(share)
    with pytest.raises(ArgumentError, match="energy="):
        EnergyThreshold(share)


@pytest.mark.parametrize(
    "values",
    [
        None,
        torch.ones(3),
        torch.tensor([1.0, 2.0]),
        torch.tensor([1.0, float("nan")]),
    ],
)
@pytest.mark.parametrize("policy", [EnergyThreshold(0.9), ParameterBudget(100)])
def test_refuses_an_incomplete_spectrum(values, policy):
    with pytest.raises(ArgumentError, match=r"singular_values of layer 'head'.*all 2 singular"):
        allocate_ranks({"head": LayerSpectrum(2, 4, values)}, policy)


def leading(layer: LayerSpectrum, known: int, asked: list[int]) -> LayerSpectrum:
    """A layer of which only some values are known; it notes how many it is asked for."""
    values = layer.singular_values

    def extend(least: int) -> torch.Tensor:
        asked.append(least)
        return values[: least + 1]

    shape = (layer.out_features, layer.in_features)
    return LayerSpectrum(*shape, values[:known], float(values.norm()), extend)


@given(
    seed=st.integers(0, 100),
    known=st.integers(1, 6),
    energy=st.floats(0.05, 1.0),
    budget=st.integers(54, 400),
    only_if_smaller=st.booleans(),
)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_leading_values_give_the_ranks_of_all(seed, known, energy, budget, only_if_smaller):
    layers = {
        "a": spectrum(6, 10, seed),
        "b": spectrum(12, 8, seed + 1),
        "c": LayerSpectrum(9, 9, torch.cat([torch.ones(3), torch.zeros(6)])),
    }
    asked = []
    partly = {name: leading(layer, known, asked) for name, layer in layers.items()}
    for policy in (EnergyThreshold(energy), ParameterBudget(budget)):
        expected = allocate_ranks(layers, policy, only_if_smaller=only_if_smaller)
        assert allocate_ranks(partly, policy, only_if_smaller=only_if_smaller) == expected


def test_more_values_are_asked_for_only_when_the_leading_ones_are_used_up():
    values = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0])
    asked = []
    layers = {"layer": leading(LayerSpectrum(5, 5, values), 3, asked)}
    assert allocate_ranks(layers, EnergyThreshold(50 / 55)) == {"layer": 3}
    assert allocate_ranks(layers, ParameterBudget(20)) == {"layer": 2}
    assert asked == []
    assert allocate_ranks(layers, EnergyThreshold(51 / 55)) == {"layer": 4}
    assert asked == [4]


def weights(layers: dict[str, LayerSpectrum]) -> int:
    return sum(layer.parameters for layer in layers.values())


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (FixedRank(1), {"body.0": 1, "body.1": 1, "head": 1}),
        (FixedRank(2), {"body.0": 2, "body.1": 2}),
        (FixedRank(5), {}),  # more than the full rank of two layers
        (RankFraction(0.5), {"body.0": 3, "body.1": 2, "head": 1}),
        (RankFraction(1.0), {}),
        (EnergyThreshold(1.0), {}),
    ],
)
def test_layers_that_would_not_become_smaller_are_left_out(policy, expected):
    assert allocate_ranks(network(), policy, only_if_smaller=True) == expected


def test_a_layer_that_no_rank_makes_smaller_is_left_out():
    layers = {"body": spectrum(6, 10), "score": LayerSpectrum(1, 10, torch.ones(1))}
    assert allocate_ranks(layers, RankFraction(0.3), only_if_smaller=True) == {"body": 2}
    ranks = allocate_ranks(layers, ParameterBudget(10 + 2 * 16), only_if_smaller=True)
    assert ranks == {"body": 2}


@given(budget=st.integers(32, 150), seed=st.integers(0, 30))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_budget_with_whole_layers_is_kept_and_keeps_more(budget, seed):
    layers = {
        "a": spectrum(6, 10, seed),
        "b": spectrum(4, 6, seed + 1),
        "c": spectrum(2, 4, seed + 2),
    }
    ranks = allocate_ranks(layers, ParameterBudget(budget), only_if_smaller=True)
    whole = {name: layer for name, layer in layers.items() if name not in ranks}
    assert parameters(layers, ranks | dict.fromkeys(whole, 0)) + weights(whole) <= budget
    assert all(layers[name].becomes_smaller(rank) for name, rank in ranks.items())
    everywhere = allocate_ranks(layers, ParameterBudget(budget))
    full = {name: layer.full_rank for name, layer in whole.items()}
    assert kept(layers, ranks | full) >= kept(layers, everywhere) - 1e-12
    if budget >= weights(layers):
        assert ranks == {}


def test_a_layer_of_low_rank_becomes_smaller_whatever_the_budget():
    layers = {"low": LayerSpectrum(6, 8, torch.tensor([2.0, 1.0, 0.0, 0.0, 0.0, 0.0]))}
    assert allocate_ranks(layers, ParameterBudget(1000), only_if_smaller=True) == {"low": 2}


def test_refuses_a_budget_that_whole_layers_use_up():
    layers = {"body": spectrum(6, 10), "score": LayerSpectrum(1, 100, torch.ones(1))}
    with pytest.raises(
        ArgumentError, match=r"parameters=50.*at least 116, .* in all 1 layers, others whole"
    ):
        allocate_ranks(layers, ParameterBudget(50), only_if_smaller=True)


@pytest.mark.parametrize("policy", [FixedRank(0), FixedRank(-1)])
def test_refuses_ranks_below_one_also_if_only_smaller_layers_count(policy):
    with pytest.raises(ArgumentError, match=r"rank of layer 'body\.0'"):
        allocate_ranks(network(), policy, only_if_smaller=True)
