from __future__ import annotations

import pytest
import torch
from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.importance import group_fisher
from fairfactor.reproduction.backbones import build_backbone
from fairfactor.surgery import count_parameters

NAMES = ("mlp-2", "mlp-5", "cnn", "transformer")


@pytest.mark.parametrize("name", NAMES)
def test_from_rows_to_logits_by_a_last_linear_layer(name: str) -> None:
    model = build_backbone(name, 13, 3, seed=0).eval()
    inputs = torch.randn(5, 13)
    assert model(inputs).shape == (5, 3)
    assert isinstance(model.get_submodule("head"), nn.Linear)
    batches = [(inputs, torch.tensor([0, 1, 2, 0, 1]), torch.tensor([0, 1, 0, 1, 0]))]
    assert group_fisher(model, batches, layers="head")["head"].row_importance.shape[0] == 2


@pytest.mark.parametrize("name", NAMES)
def test_rows_do_not_influence_each_other(name: str) -> None:
    model = build_backbone(name, 13, 2, seed=0).eval()
    inputs = torch.randn(6, 13)
    torch.testing.assert_close(model(inputs)[2:4], model(inputs[2:4]))


@pytest.mark.parametrize("name", NAMES)
def test_every_input_and_every_parameter_counts(name: str) -> None:
    model = build_backbone(name, 13, 2, seed=0)
    inputs = torch.randn(64, 13, requires_grad=True)
    model(inputs).square().sum().backward()
    assert bool((inputs.grad.abs().sum(dim=0) > 0).all())
    unused = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert unused == []


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_and_the_global_generator_stays(name: str) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, same, other = (build_backbone(name, 4, 2, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first.head.weight, same.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_two_layers_are_the_papers_742_parameters() -> None:
    assert count_parameters(build_backbone("mlp-2", 13, 2, seed=0)).total == 742


@pytest.mark.parametrize("name", ["resnet-18", "mlp-", "mlp-x", ""])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match="architecture"):
        build_backbone(name, 13, 2, seed=0)
