"""The Gram form against the direct form, and the choice between them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fairfactor.importance.calls import LayerUse
from fairfactor.importance.forms import (
    gram_products,
    prefers_direct_form,
    without_idle_positions,
)
from fairfactor.importance.positions import weight_gradients


def test_form_is_chosen_by_its_cost() -> None:
    assert not prefers_direct_form(4, 30, 20, {"row_importance"})
    assert prefers_direct_form(90, 30, 20, {"row_importance"})
    assert prefers_direct_form(4, 30, 20, {"row_importance", "diagonal"})
    assert prefers_direct_form(1024, 384, 384, {"row_importance"})  # a long text
    assert not prefers_direct_form(128, 384, 1536, {"row_importance"})
    assert prefers_direct_form(56 * 56, 9 * 64, 64, {"row_importance"})  # an early convolution
    assert not prefers_direct_form(7 * 7, 9 * 512, 512, {"row_importance"})  # a late one


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("positions", [1, 2, 63, 128, 131, 300])
def test_gram_form_equals_the_direct_form(positions: int, transposed: bool) -> None:
    torch.manual_seed(positions)
    x = torch.randn(2, positions, 5).double()
    g = torch.randn(2, positions, 3).double()
    if transposed:  # as the patches of a convolution come
        x = x.mT.contiguous().mT
    gradients = weight_gradients(nn.Linear(5, 3), x, g)
    wanted = gradients.mT @ gradients
    pairs = list(gram_products(x, g))
    assert torch.equal(torch.cat([left for left, _ in pairs], dim=1), x)
    products = sum(left.mT @ right for left, right in pairs)
    torch.testing.assert_close((products + products.mT) / 2, wanted)
    diagonal = sum((left * right).sum(dim=1) for left, right in pairs)
    torch.testing.assert_close(diagonal, wanted.diagonal(dim1=1, dim2=2))


def test_positions_without_gradient_are_left_out() -> None:
    x, g = torch.randn(2, 8, 5), torch.zeros(2, 8, 3)
    layer = nn.Linear(5, 3)
    g[0, 2], g[1, 5, 2] = 1.0, 1e-30  # the second is not seen in the first feature
    found = without_idle_positions(LayerUse(layer, x, g))
    assert torch.equal(found.inputs, x[:, [2, 5]])
    assert torch.equal(found.gradients, g[:, [2, 5]])
    g[:, :7, 1] = 1.0  # too many to be worth a copy
    found = without_idle_positions(LayerUse(layer, x, g))
    assert found.inputs.data_ptr() == x.data_ptr()
    found = without_idle_positions(LayerUse(layer, x, torch.zeros(2, 8, 3)))
    assert found.inputs.shape == (2, 0, 5)
    pixels = LayerUse(nn.Conv2d(5, 3, 1), torch.randn(2, 5, 4, 4), torch.zeros(2, 3, 4, 4))
    assert without_idle_positions(pixels) is pixels
