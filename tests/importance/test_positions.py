"""How samples meet the weight of a layer."""

from __future__ import annotations

import pytest
import torch
from tests.importance.small_models import ConvolutionClassifier
from torch import nn
from torch.nn import functional

from fairfactor.importance.layers import layer_shape
from fairfactor.importance.positions import input_positions, output_positions, weight_gradients


@pytest.mark.parametrize("name", ["wide", "same", "reflected", "pointwise", "strided_pointwise"])
def test_convolution_is_a_linear_layer_over_positions(name: str) -> None:
    torch.manual_seed(0)
    layer = getattr(ConvolutionClassifier(), name)
    inputs = torch.randn(2, layer.in_channels, 7, 6)
    weight = layer.weight.flatten(start_dim=1)
    assert layer_shape(layer) == (weight.shape[1], weight.shape[0])
    by_positions = functional.linear(input_positions(layer, inputs), weight, layer.bias)
    torch.testing.assert_close(by_positions, output_positions(layer, layer(inputs)))


def test_linear_layer_over_positions() -> None:
    layer, inputs = nn.Linear(5, 2), torch.randn(3, 4, 6, 5)
    assert layer_shape(layer) == (5, 2)
    assert input_positions(layer, inputs).shape == (3, 24, 5)
    assert output_positions(layer, layer(inputs)).shape == (3, 24, 2)
    assert input_positions(layer, inputs[:, 0, 0]).shape == (3, 1, 5)


@pytest.mark.parametrize("name", ["wide", "same", "reflected", "pointwise", "strided_pointwise"])
def test_weight_gradients_of_a_convolution(name: str) -> None:
    torch.manual_seed(0)
    layer = getattr(ConvolutionClassifier(), name).double()
    inputs = torch.randn(3, layer.in_channels, 7, 6).double()
    upstream = torch.randn_like(layer(inputs))
    found = weight_gradients(layer, inputs, upstream)
    for index in range(3):
        rows = slice(index, index + 1)
        (wanted,) = torch.autograd.grad(layer(inputs[rows]), layer.weight, upstream[rows])
        torch.testing.assert_close(found[index], wanted.flatten(start_dim=1))


def test_weight_gradients_of_a_linear_layer() -> None:
    torch.manual_seed(1)
    layer, inputs = nn.Linear(5, 2), torch.randn(3, 4, 6, 5)
    upstream = torch.randn(3, 4, 6, 2)
    (wanted,) = torch.autograd.grad(layer(inputs[1]), layer.weight, upstream[1])
    torch.testing.assert_close(weight_gradients(layer, inputs, upstream)[1], wanted)
