from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.features import evaluation_mode, layer_inputs
from fairfactor.models.mlp import build_mlp


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(10, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model() -> nn.Sequential:
    return build_mlp((4, 5, 6, 3), seed=0)


@pytest.mark.parametrize("batch_size", [1, 3, 10, 4096])
def test_the_inputs_are_those_of_the_layer(model, inputs, batch_size):
    hidden = model.activation2(model.hidden2(model.activation1(model.hidden1(inputs))))
    found = layer_inputs(model, "head", inputs, batch_size=batch_size)
    torch.testing.assert_close(found, hidden)
    assert not found.requires_grad
    assert torch.equal(layer_inputs(model, "hidden1", inputs), inputs)


def test_the_layer_and_what_follows_are_not_computed(model, inputs):
    calls = []
    for name, layer in model.named_children():
        layer.register_forward_hook(lambda *_, name=name: calls.append(name))
    layer_inputs(model, "hidden2", inputs, batch_size=5)
    assert calls == ["hidden1", "activation1"] * 2


def test_no_hook_stays_behind(model, inputs):
    layer_inputs(model, "head", inputs)
    assert model(inputs).shape == (10, 3)

    def fail(*_):
        raise OSError("disk")

    handle = model.hidden1.register_forward_pre_hook(fail)
    with pytest.raises(OSError, match="disk"):
        layer_inputs(model, "head", inputs)
    handle.remove()
    assert model(inputs).shape == (10, 3)


def test_dropout_is_off_and_every_mode_is_restored(inputs):
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model[1].eval()  # as in fine-tuning with frozen statistics
    first, second = (layer_inputs(model, "2", inputs) for _ in range(2))
    assert torch.equal(first, second)
    assert [part.training for part in model] == [True, False, True]
    assert model.training


def test_an_unknown_layer_is_refused(model, inputs):
    with pytest.raises(ArgumentError, match=r"^layer='tail'.*named_modules"):
        layer_inputs(model, "tail", inputs)


def test_a_layer_that_is_not_called_is_refused(model, inputs):
    model.add_module("head", nn.Linear(6, 3))
    model.forward = lambda inputs: model.hidden1(inputs)
    with pytest.raises(ArgumentError, match=r"^layer='head'.*a layer that the model calls"):
        layer_inputs(model, "head", inputs)


def test_evaluation_mode_ends_with_its_block_whatever_happens_there(model):
    def fail():
        with evaluation_mode(model):
            assert not any(module.training for module in model.modules())
            assert not torch.is_grad_enabled()
            raise KeyError

    model.hidden1.eval()
    before = [module.training for module in model.modules()]
    with pytest.raises(KeyError):
        fail()
    assert [module.training for module in model.modules()] == before
    assert torch.is_grad_enabled()
