from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from fairfactor.text_tuning.objective import make_objective, mean_cross_entropy


def batch(rows: int = 40, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, 3, generator=generator, requires_grad=True)
    labels = torch.randint(3, (rows,), generator=generator)
    return logits, labels, torch.randint(-1, 2, (rows,), generator=generator)


def test_accuracy_is_cross_entropy():
    logits, labels, groups = batch()
    found = make_objective("accuracy", 1.0, 3, 2)(logits, labels, groups)
    torch.testing.assert_close(found, functional.cross_entropy(logits, labels))


def test_balanced_is_the_mean_of_the_groups_means():
    logits, labels, groups = batch()
    means = [functional.cross_entropy(logits[groups == s], labels[groups == s]) for s in range(2)]
    found = make_objective("balanced", 1.0, 3, 2)(logits, labels, groups)
    torch.testing.assert_close(found, (means[0] + means[1]) / 2)


@pytest.mark.parametrize("strength", [0.5, 4.0])
def test_a_penalty_is_added_with_its_strength(strength: float):
    logits, labels, groups = batch()
    found = make_objective("demographic_parity", strength, 3, 2)(logits, labels, groups)
    probabilities = logits.softmax(1)
    rates = torch.stack([probabilities[groups == s].mean(0) for s in range(2)])
    gap = (rates[0] - rates[1]).square().sum()
    expected = functional.cross_entropy(logits, labels) + strength * gap
    torch.testing.assert_close(found, expected)
    [gradient] = torch.autograd.grad(found, logits)
    assert bool((gradient[groups == -1].abs().sum() > 0).all())  # cross-entropy alone


def test_what_it_remembers_can_be_taken_over():
    first, other = (make_objective("equalized_odds", 2.0, 3, 2) for _ in range(2))
    first(*batch(seed=1))
    other.remember(first.memory())
    torch.testing.assert_close(first(*batch(seed=2)), other(*batch(seed=2)))
    alone = make_objective("equalized_odds", 2.0, 3, 2)(*batch(seed=2))
    assert not torch.equal(alone, make_objective("accuracy", 1.0, 3, 2)(*batch(seed=2)))


def test_mean_cross_entropy():
    logits, labels, _ = batch()
    assert mean_cross_entropy(logits.detach(), labels) == pytest.approx(
        float(functional.cross_entropy(logits.detach().double(), labels))
    )
