from __future__ import annotations

import pytest
import torch
from tests.surgery.examples import Conv1D
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.surgery import LowRankConv2d, LowRankLinear, weight_matrix
from fairfactor.surgery.layer_shape import LayerShape, is_transposed_linear


def test_equal_before_and_after() -> None:
    assert LayerShape.of(nn.Linear(6, 4)) == LayerShape.of(LowRankLinear(6, 4, 2))
    assert LayerShape.of(Conv1D(4, 6)) == LayerShape.of(nn.Linear(6, 4))
    original = nn.Conv2d(3, 8, (3, 1), stride=2, padding="valid", padding_mode="zeros")
    replaced = LowRankConv2d(3, 8, 2, kernel_size=(3, 1), stride=(2, 2), padding="valid")
    assert LayerShape.of(original) == LayerShape.of(replaced)
    assert LayerShape.of(original) != LayerShape.of(nn.Conv2d(3, 8, (3, 1), stride=1))
    assert LayerShape.of(original).matrix == (8, 9)


@pytest.mark.parametrize(
    "layer",
    [
        nn.ReLU(),
        nn.Conv2d(4, 8, 3, groups=2),
        nn.Conv1d(3, 4, 2),
        nn.ConvTranspose2d(3, 4, 2),
        nn.Bilinear(2, 3, 4),
        nn.Embedding(3, 4),
    ],
)
def test_refuses_other_kinds(layer: nn.Module) -> None:
    with pytest.raises(ArgumentError, match=r"^body\.fc=.*expected an nn\.Linear"):
        LayerShape.of(layer, "body.fc")


def test_refuses_a_subclass_that_computes_something_else() -> None:
    class Doubling(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            return 2 * super().forward(inputs)

    with pytest.raises(ArgumentError):
        LayerShape.of(Doubling(3, 4))


def test_weight_matrix() -> None:
    linear, convolution, transposed = nn.Linear(3, 4), nn.Conv2d(3, 4, 2), Conv1D(4, 3)
    assert torch.equal(weight_matrix(linear), linear.weight)
    assert torch.equal(weight_matrix(convolution), convolution.weight.flatten(1))
    assert torch.equal(weight_matrix(transposed), transposed.weight.T)
    assert not weight_matrix(linear).requires_grad
    low_rank = LowRankLinear(3, 4, 2)
    assert torch.equal(weight_matrix(low_rank), low_rank.up.weight @ low_rank.down.weight)


def test_recognises_the_layer_of_transformers() -> None:
    pytorch_utils = pytest.importorskip("transformers.pytorch_utils")
    assert is_transposed_linear(pytorch_utils.Conv1D(4, 3))
    assert not is_transposed_linear(nn.Conv1d(3, 4, 2))
