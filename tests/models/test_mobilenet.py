from __future__ import annotations

import torch
from torch import nn

from fairfactor.models.mobilenet import MobileNetV2, with_present_names


def numbered_through(model):
    """The state dict by the names that it has if the layers of each block are one sequence."""
    names = {}
    for name, module in model.named_modules():
        if name.endswith(".conv"):
            layers = [layer for layer in module.modules() if not isinstance(layer, nn.Sequential)]
            present = {layer: found for found, layer in model.named_modules()}
            names |= {present[layer]: f"{name}.{place}" for place, layer in enumerate(layers)}
    return {
        ".".join((names.get(layer, layer), entry)): tensor
        for (layer, _, entry), tensor in (
            (name.rpartition("."), tensor) for name, tensor in model.state_dict().items()
        )
    }


def test_names_of_blocks_that_are_numbered_through_become_torchvisions():
    state = MobileNetV2(2).state_dict()
    old = numbered_through(MobileNetV2(2))
    assert "features.2.conv.7.running_var" in old
    assert "features.1.conv.4.running_var" in old
    assert list(with_present_names(old)) == list(state)


def test_torchvisions_names_are_left_alone():
    state = MobileNetV2(2).state_dict()
    renamed = with_present_names(state)
    assert list(renamed) == list(state)
    assert all(torch.equal(renamed[name], state[name]) for name in state)
