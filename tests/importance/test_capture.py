"""Capture of inputs and output gradients, and what it leaves behind."""

from __future__ import annotations

import pytest
import torch
from tests.importance.small_models import RepeatedLayer, deep_mlp
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.importance import group_fisher
from fairfactor.importance.calls import LayerUse
from fairfactor.importance.capture import GradientCapture

BATCH = (torch.ones(3, 6), torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0]))


def captured(model: nn.Module, layers: dict[str, nn.Module]) -> dict[str, list[LayerUse]]:
    """Capture one backward pass of the sum of all outputs on random inputs."""
    found: dict[str, list[LayerUse]] = {}
    with GradientCapture(model, layers) as capture:
        with capture.forward(3):
            scalars = model(torch.randn(3, 6)).sum(dim=1)
        capture.backward([scalars], torch.arange(3), found.__setitem__)
    return found


def test_uses_of_one_weight_arrive_together() -> None:
    model = RepeatedLayer()
    layers = {"step": model.step, "first": model.first, "classifier": model.classifier}
    found = captured(model, layers)
    assert {name: len(uses) for name, uses in found.items()} == {
        "step": 2,
        "first": 2,
        "classifier": 1,
    }
    assert {use.layer for use in found["first"]} == {model.first, model.second}


def test_activations_are_dropped_once_handed_on() -> None:
    model = deep_mlp()
    held: list[int] = []

    def receive(name: str, uses: list[LayerUse]) -> None:
        held.append(sum(len(weight.calls) for weight in capture._weights))

    layers = {name: model.get_submodule(name) for name in ("0", "2", "4")}
    with GradientCapture(model, layers) as capture:
        with capture.forward(3):
            scalars = model(torch.randn(3, 6)).sum(dim=1)
        capture.backward([scalars, scalars], torch.arange(3), receive)
    assert held == [3, 3, 3, 2, 1, 0]  # in the last of several passes only


@pytest.mark.parametrize("place", ["model", "loss"])
def test_errors_leave_nothing_behind(place: str) -> None:
    class Failing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = deep_mlp()

        def forward(self, x: Tensor) -> Tensor:
            outputs = self.body(x)
            if place == "model":
                raise RuntimeError("expected")
            return outputs

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        raise RuntimeError("expected")

    model = Failing().eval()
    with pytest.raises(RuntimeError, match="expected"):
        group_fisher(model, [BATCH], loss=loss, layers="all-linear")
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.is_grad_enabled()


class WithTwoBranches(nn.Module):
    """A head, a layer that is never called, and one under ``torch.no_grad``."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(6, 5)
        self.idle = nn.Linear(6, 5)
        self.classifier = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.backbone(x)
        return self.classifier(features)


def test_layer_under_no_grad_is_refused() -> None:
    model = WithTwoBranches().eval()
    with pytest.raises(ArgumentError, match=r"'backbone' .*Remove torch.no_grad"):
        group_fisher(model, [BATCH], layers="backbone")
    assert list(group_fisher(model, [BATCH])) == ["classifier"]


def test_layer_that_is_not_called_is_refused() -> None:
    model = WithTwoBranches().eval()
    with pytest.raises(ArgumentError, match=r"'idle' .*layers that the model calls"):
        group_fisher(model, [BATCH], layers="idle")
    with pytest.raises(ArgumentError, match=r"'idle' .*Leave it out"):
        group_fisher(model, [BATCH], layers=["idle", "classifier"])


def test_detached_outputs_are_refused() -> None:
    with pytest.raises(ArgumentError, match="do not detach the outputs"):
        group_fisher(deep_mlp(), [BATCH], forward=lambda model, x: model(x).detach())


def test_inference_mode_is_refused() -> None:
    with torch.inference_mode(), pytest.raises(ArgumentError, match="gradients enabled"):
        group_fisher(deep_mlp(), [BATCH])


def test_activation_in_place_after_a_view() -> None:
    class Viewing(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input).view(-1, self.out_features)

    torch.manual_seed(0)
    plain = deep_mlp()
    viewing = nn.Sequential(Viewing(6, 9), nn.ReLU(inplace=True), Viewing(9, 7, bias=False))
    viewing.extend([nn.ReLU(inplace=True), Viewing(7, 3)]).eval()
    viewing.load_state_dict(plain.state_dict())
    batch = (torch.randn(3, 6), *BATCH[1:])
    expected = group_fisher(plain, [batch], layers="all-linear")
    for name, found in group_fisher(viewing, [batch], layers="all-linear").items():
        assert bool(found.row_importance.any())
        assert torch.equal(found.row_importance, expected[name].row_importance)


def test_graph_that_starts_elsewhere() -> None:
    """Inputs or embeddings that require gradients, for one part of the model or all of it."""

    class Towers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.head = nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(4, 3)

        def forward(self, first: Tensor, second: Tensor) -> Tensor:
            return self.head(torch.tanh(self.one(first)) * torch.tanh(self.two(second)))

    torch.manual_seed(1)
    model, x = Towers().eval(), torch.randn(3, 6)
    expected = group_fisher(model, [((x, x), *BATCH[1:])], layers="all-linear")
    leaf = x.clone().requires_grad_()
    for inputs in ((x, leaf), (leaf, x), (leaf, leaf)):
        found = group_fisher(model, [(inputs, *BATCH[1:])], layers="all-linear")
        for name, wanted in expected.items():
            assert bool(wanted.row_importance.any())
            assert torch.equal(found[name].row_importance, wanted.row_importance)
    assert leaf.grad is None
    with pytest.raises(ArgumentError, match="on which the loss depends"):
        group_fisher(
            model,
            [((leaf, x), *BATCH[1:])],
            layers="two",
            forward=lambda m, v: m(*v).detach() + v[0][:, :3],
        )
