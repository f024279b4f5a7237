"""What a call of a layer read, and which sample is where."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fairfactor.errors import ArgumentError, DataError, FairfactorError
from fairfactor.importance.calls import (
    LayerCall,
    called_input,
    layout_is_open,
    split_samples,
    tied_layers,
)


def test_inputs_that_change_after_the_call_are_refused() -> None:
    inputs = torch.zeros(2, 3)
    call = LayerCall("layer", nn.Linear(3, 3), called_input((inputs,), {}))
    assert torch.equal(call.unchanged_inputs(), inputs)
    inputs[0].add_(1)
    with pytest.raises(FairfactorError, match="'layer' was changed in place"):
        call.unchanged_inputs()


def test_input_given_by_keyword() -> None:
    inputs = torch.zeros(2, 3)
    assert torch.equal(called_input((), {"input": inputs}), inputs)


def test_samples_along_the_first_dimension() -> None:
    linear, convolution = nn.Linear(3, 3), nn.Conv2d(3, 3, 1)
    for shape in ((4, 3), (4, 5, 3), (4, 2, 5, 3)):
        assert split_samples(linear, "layer", torch.zeros(shape), 4).shape == shape
    assert split_samples(convolution, "layer", torch.zeros(4, 3, 2, 2), 4).shape == (4, 3, 2, 2)
    pieces = torch.arange(24.0).reshape(8, 3)
    assert torch.equal(split_samples(linear, "layer", pieces, 4)[1], pieces[2:4])
    for layer, shape in ((linear, (5, 3)), (linear, (3,)), (convolution, (8, 3, 2, 2))):
        with pytest.raises(DataError, match="Layer 'layer' sees shape"):
            split_samples(layer, "layer", torch.zeros(shape), 4)


def test_layouts_that_a_shape_leaves_open() -> None:
    linear = nn.Linear(3, 3)
    assert layout_is_open(linear, torch.zeros(4, 4, 3), 4)
    assert layout_is_open(linear, torch.zeros(8, 3), 4)
    assert not layout_is_open(linear, torch.zeros(4, 3), 4)
    assert not layout_is_open(linear, torch.zeros(4, 5, 3), 4)
    assert not layout_is_open(linear, torch.zeros(7, 1, 3), 1)
    assert not layout_is_open(nn.Conv2d(4, 3, 1), torch.zeros(4, 4, 2, 2), 4)


def test_tied_layers() -> None:
    model = nn.ModuleDict({"one": nn.Linear(3, 3), "two": nn.Linear(3, 3), "own": nn.Linear(3, 3)})
    model["two"].weight = model["one"].weight
    assert tied_layers(model, "one", model["one"]) == [model["one"], model["two"]]
    assert tied_layers(model, "own", model["own"]) == [model["own"]]


def test_layer_tied_to_an_embedding_is_refused() -> None:
    model = nn.ModuleDict({"embedding": nn.Embedding(7, 3), "classifier": nn.Linear(3, 7)})
    model["classifier"].weight = model["embedding"].weight
    with pytest.raises(ArgumentError, match=r"and 'embedding' .*Untie it first"):
        tied_layers(model, "classifier", model["classifier"])
