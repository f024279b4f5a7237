from __future__ import annotations

import pytest
import torch
from tests.surgery.examples import Tied, images, perceptron, truncated

from fairfactor.errors import ArgumentError
from fairfactor.surgery import count_parameters, freeze_except, lock, replace_layer


def test_lock_leaves_bias_and_the_other_factor() -> None:
    for factor, other in (("down", "up"), ("up", "down")):
        model = perceptron()
        layer = replace_layer(model, "0", truncated(model[0].weight, 3))
        lock(layer, factor)
        assert not getattr(layer, factor).weight.requires_grad
        assert getattr(layer, other).weight.requires_grad
        assert layer.up.bias.requires_grad


def test_a_locked_factor_does_not_train() -> None:
    model = images()
    layer = replace_layer(model, "0", truncated(model[0].weight.flatten(1), 3))
    lock(layer)
    down, up = layer.down.weight.clone(), layer.up.weight.clone()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    model(torch.randn(4, 3, 5, 5)).square().sum().backward()
    optimizer.step()
    assert torch.equal(layer.down.weight, down)
    assert not torch.equal(layer.up.weight, up)


def test_lock_refuses() -> None:
    model = perceptron()
    with pytest.raises(ArgumentError, match="Call replace_layer first"):
        lock(model[0])
    layer = replace_layer(model, "0", truncated(model[0].weight, 3))
    with pytest.raises(ArgumentError, match=r"factor='both'"):
        lock(layer, "both")


def test_freeze_except_trains_the_factors_only() -> None:
    model = perceptron()
    layer = replace_layer(model, "0", truncated(model[0].weight, 3))
    count = freeze_except(model, ["0"])
    assert count == (3 * 12 + 10 * 3 + 10, sum(p.numel() for p in model.parameters()))
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"0.down.weight", "0.up.weight", "0.up.bias"}
    lock(layer)
    assert freeze_except(model, ["0", "4.bias"]).trained == 10 * 3 + 10
    assert not layer.down.weight.requires_grad


def test_freeze_except_refuses() -> None:
    model = perceptron()
    with pytest.raises(ArgumentError, match=r"names='head'.*names of modules"):
        freeze_except(model, ["head"])
    with pytest.raises(ArgumentError, match=r"Write \['0'\]"):
        freeze_except(model, "0")
    for names in ([], ["1"]):
        with pytest.raises(ArgumentError, match="still trains"):
            freeze_except(model, names)
    model.requires_grad_(False)
    with pytest.raises(ArgumentError, match="requires_grad_"):
        freeze_except(model, ["0"])


def test_shared_parameters_count_once_and_any_of_their_names_keeps_them() -> None:
    model = Tied()
    assert count_parameters(model).total == 7 * 6 + 6 * 6 + 6
    assert freeze_except(model, ["output"]).trained == 7 * 6
    assert model.embedding.weight.requires_grad
