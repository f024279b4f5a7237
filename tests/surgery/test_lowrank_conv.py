from __future__ import annotations

import pytest
import torch
from tests.surgery.examples import PlainFactors, truncated
from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.surgery import LowRankConv2d, weight_matrix

GEOMETRIES = [
    {"kernel_size": (3, 3)},
    {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)},
    {"kernel_size": (3, 3), "padding": "same", "dilation": (2, 2)},
    {"kernel_size": (1, 1), "padding": "valid"},
    {"kernel_size": (3, 3), "padding": (2, 1), "padding_mode": "reflect"},
    {"kernel_size": (3, 3), "padding": (1, 1), "padding_mode": "circular", "stride": (1, 2)},
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("bias", [True, False])
def test_full_rank_equals_the_convolution(geometry: dict, bias: bool) -> None:
    torch.manual_seed(0)
    original = nn.Conv2d(3, 2, bias=bias, dtype=torch.float64, **geometry)
    inputs = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    layer = LowRankConv2d.from_factors(
        truncated(weight_matrix(original), 2), original.bias, **geometry
    )
    torch.testing.assert_close(layer(inputs), original(inputs))
    torch.testing.assert_close(layer.merged()(inputs), original(inputs))
    torch.testing.assert_close(layer.weight, original.weight)
    assert (layer.bias is None) == (not bias)


def test_low_rank_equals_the_truncated_kernel() -> None:
    torch.manual_seed(0)
    original = nn.Conv2d(3, 8, 3, padding=1, dtype=torch.float64)
    factors = truncated(weight_matrix(original), 3)
    layer = LowRankConv2d.from_factors(factors, original.bias, kernel_size=(3, 3), padding=(1, 1))
    inputs = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    kernel = (factors.up @ factors.down).view(8, 3, 3, 3)
    expected = nn.functional.conv2d(inputs, kernel, original.bias, padding=1)
    torch.testing.assert_close(layer(inputs), expected)
    assert "in_channels=3, out_channels=8, rank=3, bias=True" in repr(layer)


def test_merged_keeps_mode_and_what_trains() -> None:
    layer = LowRankConv2d(3, 8, 2, kernel_size=(3, 3)).eval().requires_grad_(False)
    merged = layer.merged()
    assert type(merged) is nn.Conv2d
    assert not merged.training
    assert not merged.weight.requires_grad


def test_refuses_columns_that_are_no_kernel() -> None:
    with pytest.raises(ArgumentError, match="in·kh·kw"):
        LowRankConv2d.from_factors(
            PlainFactors(torch.ones(1, 10), torch.ones(4, 1)), kernel_size=(3, 3)
        )


def test_refuses_a_rank_past_the_matrix() -> None:
    with pytest.raises(ArgumentError, match="from 1 to 8"):
        LowRankConv2d(3, 8, 9, kernel_size=(3, 3))
