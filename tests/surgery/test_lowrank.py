from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.surgery.examples import PlainFactors, truncated
from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.surgery import LowRankLinear


@settings(deadline=None, max_examples=30)
@given(
    in_features=st.integers(1, 9),
    out_features=st.integers(1, 9),
    rank=st.integers(1, 9),
    has_bias=st.booleans(),
    has_correction=st.booleans(),
)
def test_from_factors_computes_the_product(
    in_features: int, out_features: int, rank: int, has_bias: bool, has_correction: bool
) -> None:
    rank = min(rank, in_features, out_features)
    generator = torch.Generator().manual_seed(0)
    down, up, bias, correction, inputs = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in (
            (rank, in_features),
            (out_features, rank),
            (out_features,),
            (out_features,),
            (5, in_features),
        )
    )
    layer = LowRankLinear.from_factors(
        PlainFactors(down, up, correction if has_correction else None), bias if has_bias else None
    )
    expected = inputs @ down.T @ up.T + has_bias * bias + has_correction * correction
    torch.testing.assert_close(layer(inputs), expected)
    torch.testing.assert_close(layer.merged()(inputs), expected)
    torch.testing.assert_close(layer.weight, up @ down)
    assert (layer.bias is not None) == (has_bias or has_correction)
    assert (layer.in_features, layer.out_features, layer.rank) == (in_features, out_features, rank)


def test_constructor_like_a_linear_layer() -> None:
    layer = LowRankLinear(6, 4, 2, bias=False, dtype=torch.float64)
    assert layer(torch.ones(3, 7, 6, dtype=torch.float64)).shape == (3, 7, 4)
    assert {name: tuple(value.shape) for name, value in layer.state_dict().items()} == {
        "down.weight": (2, 6),
        "up.weight": (4, 2),
    }
    assert layer.bias is None
    assert "in_features=6, out_features=4, rank=2, bias=False" in repr(layer)


def test_factors_are_copied_and_no_random_number_is_drawn() -> None:
    factors = truncated(torch.eye(4), 2)
    before = torch.get_rng_state()
    layer = LowRankLinear.from_factors(factors)
    assert torch.equal(before, torch.get_rng_state())
    with torch.no_grad():
        layer.down.weight.zero_()
    assert bool(factors.down.any())


def test_merged_keeps_dtype_mode_and_what_trains() -> None:
    layer = LowRankLinear(6, 4, 2, dtype=torch.bfloat16).eval()
    layer.requires_grad_(False)
    merged = layer.merged()
    assert type(merged) is nn.Linear
    assert merged.weight.dtype == torch.bfloat16
    assert not merged.training
    assert not merged.weight.requires_grad
    assert merged.bias is not None
    assert not merged.bias.requires_grad
    exact = layer.up.weight.double() @ layer.down.weight.double()
    assert torch.equal(merged.weight, exact.bfloat16())


def test_one_trained_factor_makes_the_merged_weight_train() -> None:
    layer = LowRankLinear(6, 4, 2)
    layer.down.weight.requires_grad_(False)
    assert layer.merged().weight.requires_grad


def test_deepcopy_and_state_dict() -> None:
    layer = LowRankLinear(6, 4, 2)
    twin, other = copy.deepcopy(layer), LowRankLinear(6, 4, 2)
    other.load_state_dict(layer.state_dict())
    inputs = torch.randn(3, 6)
    assert torch.equal(twin(inputs), layer(inputs))
    assert torch.equal(other(inputs), layer(inputs))
    assert twin.down.weight is not layer.down.weight


@pytest.mark.parametrize("rank", [0, -1, 5, 10**9, 2.0, True])
def test_refuses_ranks(rank: int) -> None:
    with pytest.raises(ArgumentError, match=r"^rank=.*from 1 to 4"):
        LowRankLinear(6, 4, rank)
