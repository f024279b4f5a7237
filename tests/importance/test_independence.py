"""Refusal of noise, and of samples that depend on each other."""

from __future__ import annotations

import pytest
import torch
from tests.importance.small_models import TokenClassifier, deep_mlp
from torch import nn

from fairfactor.errors import ArgumentError
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
