"""Refusal of noise, and of samples that depend on each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.importance.small_models import TokenClassifier, deep_mlp
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.errors import ArgumentError
from fairfactor.importance import group_fisher
from fairfactor.importance.independence import refuse_sample_dependence


class FunctionalDropout(nn.Module):
    """Drops by a setting of its own, as attention modules do."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_dropout = 0.2


@pytest.mark.parametrize(
    "module",
    [
        nn.Dropout(0.5),
        nn.Dropout2d(0.1),
        nn.AlphaDropout(0.1),
        nn.BatchNorm1d(3),
        nn.BatchNorm2d(3, track_running_stats=False),
        nn.InstanceNorm1d(3, track_running_stats=True),
        nn.LSTM(3, 3, num_layers=2, dropout=0.5),
        nn.MultiheadAttention(4, 2, dropout=0.1),
        FunctionalDropout(),
    ],
)
def test_active_modules_are_refused(module: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(3, 3), module).train()
    with pytest.raises(ArgumentError, match=r"model='1: .*Call model.eval\(\) first"):
        refuse_sample_dependence(model)


@pytest.mark.parametrize(
    "module",
    [
        nn.Dropout(0.0),
        nn.LayerNorm(3),
        nn.GroupNorm(1, 3),
        nn.InstanceNorm1d(3),
        nn.LSTM(3, 3),
        nn.BatchNorm1d(3).eval(),
        nn.Dropout(0.5).eval(),
    ],
)
def test_harmless_modules_pass(module: nn.Module) -> None:
    refuse_sample_dependence(nn.Sequential(module))


def test_batch_statistics_in_evaluation_mode_are_refused() -> None:
    model = nn.BatchNorm1d(3, track_running_stats=False).eval()
    with pytest.raises(ArgumentError, match="give it track_running_stats=True"):
        refuse_sample_dependence(model)


def test_models_in_evaluation_mode_pass() -> None:
    for model in (TokenClassifier(), deep_mlp()):
        refuse_sample_dependence(model.eval())
    assert torch.is_grad_enabled()


class OwnFunction(nn.Module):
    """Applies a function between two layers."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 3)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.function(self.body(x)))


@pytest.mark.parametrize(
    "function",
    [functional.dropout, lambda x: x - x.mean(dim=0), lambda x: x + torch.randn_like(x)],
)
def test_random_and_mixing_functions_are_refused(function: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    model = OwnFunction(function).eval()
    batch = (torch.randn(6, 4), torch.arange(6) % 3, torch.tensor([-1, 0, 1, 0, 1, 1]))
    with pytest.raises(ArgumentError, match=r"OwnFunction.* training=self\.training"):
        group_fisher(model, [batch])
    assert not any(module._forward_hooks for module in model.modules())
    with torch.autocast("cpu", dtype=torch.bfloat16):  # rounding is no reason
        group_fisher(OwnFunction(torch.relu).eval(), [batch])


def test_outputs_are_compared_where_rows_can_be_taken() -> None:
    torch.manual_seed(1)
    model = OwnFunction(functional.dropout).eval()
    x, y, s = torch.randn(6, 4), torch.arange(6) % 3, torch.arange(6) % 2
    group_fisher(model, [(x, y, s)], forward=lambda m, values: m(values))
    group_fisher(model, [(row[None], y[i : i + 1], s[i : i + 1]) for i, row in enumerate(x)])
