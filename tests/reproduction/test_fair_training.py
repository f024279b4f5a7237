from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional

from fairfactor.errors import TrainingError
from fairfactor.finetuning import FinetuneConfig
from fairfactor.models.mlp import build_mlp
from fairfactor.pipeline import Rows
from fairfactor.reproduction.fair_training import (
    constrained_loss,
    covariance,
    soft_gap,
    train_constrained,
)

EVERYBODY = torch.ones(6, dtype=torch.bool)


@pytest.fixture
def rows() -> Rows:
    """Two groups that differ in the only feature, which also decides the label, with noise."""
    source = torch.Generator().manual_seed(0)
    groups = torch.randint(2, (2000,), generator=source)
    inputs = torch.randn(2000, 2, generator=source) + groups[:, None]
    noise = torch.randn(2000, generator=source)
    return Rows(inputs, (inputs[:, 0] + noise > 0.7).long(), groups)


def logits_and_groups() -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    logits = torch.randn(6, 2, generator=source, dtype=torch.float64)
    return logits, torch.tensor([0, 1, 1, 0, 1, 0])


def test_soft_gap_is_the_difference_of_mean_probabilities() -> None:
    logits, groups = logits_and_groups()
    e = np.exp(logits.numpy())
    p = e[:, 1] / e.sum(axis=1)
    expected = abs(p[[0, 3, 5]].mean() - p[[1, 2, 4]].mean())
    assert float(soft_gap(logits, groups, EVERYBODY)) == pytest.approx(expected)


def test_covariance_is_zafars() -> None:
    logits, groups = logits_and_groups()
    distance = (logits[:, 1] - logits[:, 0]).numpy()
    expected = abs(np.cov(groups.numpy(), distance, bias=True)[0, 1])
    assert float(covariance(logits, groups, EVERYBODY)) == pytest.approx(expected)


def test_masked_rows_take_no_part_and_a_missing_group_is_no_gap() -> None:
    logits, groups = logits_and_groups()
    first = groups == 0
    assert float(soft_gap(logits, groups, first)) == 0
    assert float(covariance(logits, groups, ~EVERYBODY)) == 0


def test_equalized_odds_adds_the_gaps_of_both_classes() -> None:
    logits, groups = logits_and_groups()
    targets = torch.tensor([0, 0, 1, 1, 1, 0])
    batch = Rows(logits, targets, groups)
    expected = functional.cross_entropy(logits, targets) + 0.5 * (
        soft_gap(logits, groups, targets == 0) + soft_gap(logits, groups, targets == 1)
    )
    found = constrained_loss(logits, batch, "equalized_odds", "soft_gap", 0.5)
    assert float(found) == pytest.approx(float(expected))


@pytest.mark.parametrize("penalty", ["soft_gap", "covariance"])
@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_training_closes_the_gap(rows: Rows, constraint: str, penalty: str) -> None:
    gaps = []
    for intensity in (0.0, 3.0):
        model = build_mlp((2, 8, 2), seed=0)
        train_constrained(
            model,
            rows,
            rows,
            constraint=constraint,
            penalty=penalty,
            intensity=intensity,
            config=FinetuneConfig((0.01,), 10, 200),
            seed=0,
        )
        with torch.no_grad():
            both = [
                constrained_loss(model(rows.inputs), rows, constraint, penalty, i)
                for i in (0.0, 1.0)
            ]
        gaps.append(float(both[1] - both[0]))
    assert gaps[1] < gaps[0] / 3


def test_the_seed_decides(rows: Rows) -> None:
    states = []
    for seed in (0, 0, 1):
        model = build_mlp((2, 4, 2), seed=0)
        train_constrained(
            model,
            rows,
            rows,
            constraint="demographic_parity",
            penalty="soft_gap",
            intensity=0.5,
            config=FinetuneConfig((0.01,), 1, 100),
            seed=seed,
        )
        states.append(copy.deepcopy(model.head.weight))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_an_infinite_loss_is_an_error(rows: Rows) -> None:
    bad = Rows(rows.inputs * torch.nan, rows.targets, rows.groups)
    with pytest.raises(TrainingError, match="not finite"):
        train_constrained(
            build_mlp((2, 4, 2), seed=0),
            bad,
            bad,
            constraint="demographic_parity",
            penalty="soft_gap",
            intensity=0.5,
            config=FinetuneConfig((0.01,), 1, 1000),
            seed=0,
        )
