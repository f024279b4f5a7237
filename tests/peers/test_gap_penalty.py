import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairfactor.fairness import (
    confusion_counts,
    demographic_parity_difference,
    equalized_odds_difference,
)
from fairfactor.peers.gap_penalty import (
    demographic_parity_penalty,
    equalized_odds_penalty,
    penalized,
)
from fairfactor.training import cross_entropy

CERTAIN = 60.0  # a logit so large that the probability is a decision


def decisions(seed: int, groups: int, classes: int):
    generator = np.random.default_rng(seed)
    labels, predicted = generator.integers(classes, size=(2, 80))
    codes = generator.integers(groups, size=80)
    logits = CERTAIN * torch.eye(classes, dtype=torch.float64)[torch.from_numpy(predicted)]
    counts = confusion_counts(labels, predicted, codes, n_classes=classes)
    return logits, torch.from_numpy(labels), torch.from_numpy(codes), counts


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 999), groups=st.integers(2, 4), classes=st.integers(2, 4))
def test_for_certain_predictions_the_penalties_are_the_gaps(seed, groups, classes):
    logits, labels, codes, counts = decisions(seed, groups, classes)
    assert float(demographic_parity_penalty(logits, labels, codes)) == pytest.approx(
        float(demographic_parity_difference(counts)), abs=1e-9
    )
    assert float(equalized_odds_penalty(logits, labels, codes)) == pytest.approx(
        float(equalized_odds_difference(counts, agg="sum")), abs=1e-9
    )


@pytest.mark.parametrize("penalty", [demographic_parity_penalty, equalized_odds_penalty])
def test_a_batch_of_one_group_has_no_penalty_and_a_gradient_of_0(penalty):
    logits = torch.randn(5, 2, requires_grad=True)
    value = penalty(logits, torch.tensor([0, 0, 1, 1, 1]), torch.full((5,), 3))
    value.backward()
    assert value.item() == 0
    assert not logits.grad.any()


def test_the_penalty_is_added_with_its_strength():
    logits, labels, codes, _ = decisions(0, 2, 2)
    loss = penalized(demographic_parity_penalty, 3.0)(logits, labels, codes)
    expected = cross_entropy(logits, labels, codes) + 3 * demographic_parity_penalty(
        logits, labels, codes
    )
    torch.testing.assert_close(loss, expected)
