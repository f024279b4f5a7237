from __future__ import annotations

import pytest
import torch
from tests.models.torchvision_tensors import torchvision_shapes
from tests.oracles import image_networks as oracle
from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.models.image_networks import IMAGE_NETWORKS, build_image_network

PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "densenet121": 7_978_856,
    "efficientnet-lite0": 4_652_008,
    "mobilenet-v2": 3_504_872,
}
UNDER_TORCHVISIONS_NAMES = ("resnet18", "resnet34", "resnet50", "densenet121", "mobilenet-v2")


def with_lively_norms(model: nn.Module) -> nn.Module:
    """Give every norm other statistics and scales than those of a fresh network."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(0.2 * torch.randn(tensor.shape, generator=generator))
    return model


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_numbers_of_parameters_are_the_published_ones(name, parameters):
    model = build_image_network(name, 1000, seed=0)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


@pytest.mark.parametrize("name", UNDER_TORCHVISIONS_NAMES)
def test_names_and_shapes_are_torchvisions(name):
    state = build_image_network(name, 1000, seed=0).state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == torchvision_shapes(name)


def test_all_networks_are_covered():
    assert PARAMETERS.keys() == IMAGE_NETWORKS.keys()


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "densenet121"])
def test_they_compute_what_the_papers_describe(name):
    model = with_lively_norms(build_image_network(name, 5, seed=0)).double().eval()
    images = torch.randn(1, 3, 33, 64, dtype=torch.float64)
    reference = oracle.densenet if name == "densenet121" else oracle.resnet
    with torch.no_grad():
        torch.testing.assert_close(model(images), reference(images, model.state_dict()))


@pytest.mark.parametrize("name", IMAGE_NETWORKS)
def test_the_head_is_the_last_linear_layer_and_any_size_of_image_is_taken(name):
    model = build_image_network(name, 3, seed=0).eval()
    linear = [key for key, module in model.named_modules() if isinstance(module, nn.Linear)]
    assert linear == [IMAGE_NETWORKS[name].head]
    with torch.no_grad():
        assert model(torch.randn(2, 3, 33, 47)).shape == (2, 3)


def test_the_seed_decides_the_weights_and_leaves_the_global_generator():
    before = torch.get_rng_state()
    first, again, other = (
        build_image_network("mobilenet-v2", 2, seed=seed).features[0][0].weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_unusable_names_and_classes_are_refused():
    with pytest.raises(ArgumentError, match=r"^architecture='resnet152'.*one of resnet18, "):
        build_image_network("resnet152", 2, seed=0)
    with pytest.raises(ArgumentError, match=r"^classes=0"):
        build_image_network("resnet18", 0, seed=0)
