"""Sums of what a layer reads, over positions, calls and chunks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.importance.small_models import RepeatedLayer, TokenClassifier
from torch import nn

from fairfactor.importance import input_moments

GROUPS = torch.tensor([0, 1, 1, 0, 2, -1, 1, 0, 0, 2])
CLASSES = torch.tensor([0, 1, 0, 1, 1, 1, 1, 0, 1, 1])


def test_positions_are_averaged_without_padding() -> None:
    torch.manual_seed(3)
    model = TokenClassifier().eval().double()
    tokens = torch.randint(0, 11, (10, 6))
    mask = (torch.arange(6) < (torch.arange(10) % 4 + 2)[:, None]).long()
    batch = ({"tokens": tokens, "attention_mask": mask}, CLASSES, GROUPS)
    found = input_moments(model, [batch], layers=["query", "classifier"])
    embedded = model.embedding(tokens).detach()
    shares = mask / mask.sum(dim=1, keepdim=True).double()
    means = (embedded * shares[:, :, None]).sum(dim=1)
    seconds = torch.einsum("sti,stj,st->sij", embedded, embedded, shares)
    included = GROUPS >= 0
    torch.testing.assert_close(found["query"].mean, means[included].mean(dim=0))
    torch.testing.assert_close(found["query"].second_moment, seconds[included].mean(dim=0))
    assert torch.linalg.eigvalsh(found["query"].covariance).min() > -1e-12
    assert found["classifier"].counts.sum() == 9


def test_calls_of_one_layer_count_as_positions() -> None:
    torch.manual_seed(4)
    model, inputs = RepeatedLayer().eval().double(), torch.randn(10, 6).double()
    found = input_moments(model, [(inputs, CLASSES, GROUPS)], layers="step")["step"]
    second = torch.tanh(model.step(inputs)).detach()
    means = (inputs + second) / 2
    torch.testing.assert_close(found.mean, means[GROUPS >= 0].mean(dim=0))


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    inputs, model = torch.randn(10, 3, 4).double(), nn.Linear(4, 2).double()
    batch = (inputs, None, GROUPS)
    arguments: Any = {"cells": "group", "forward": lambda m, x: m(x).mean(dim=1)}
    whole = input_moments(model, [batch], **arguments)[""]
    monkeypatch.setattr("fairfactor.importance.moment_sums._WORKSPACE_ELEMENTS", 1)
    parts = input_moments(model, [batch], **arguments)[""]
    torch.testing.assert_close(parts.second_moment, whole.second_moment)
    torch.testing.assert_close(parts.cell_means, whole.cell_means)
