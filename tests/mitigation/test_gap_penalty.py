import pytest
import torch
from tests.mitigation.small_problem import small_rows

from fairfactor.mitigation.gap_penalty import GapPenalty, penalty_path
from fairfactor.mitigation.rates import rate_family


@pytest.mark.parametrize(("n_classes", "n_groups"), [(2, 2), (3, 3), (2, 20)])
def test_rates_and_gradient_are_those_of_a_loop(n_classes, n_groups):
    number = 100 * n_groups
    rows = small_rows(number, n_classes=n_classes, n_groups=n_groups, seed=0)
    logits = torch.randn(number, n_classes, requires_grad=True)
    penalty = GapPenalty(
        rate_family("equalized_odds", n_classes), rows.labels, rows.groups, n_groups
    )
    penalty(logits.softmax(dim=1)).backward()

    slow = logits.detach().clone().requires_grad_()
    p = slow.softmax(dim=1)
    total = torch.zeros(())
    for c in [1] if n_classes == 2 else range(n_classes):
        for own in (True, False):
            masks = [((rows.labels == c) == own) & (rows.groups == s) for s in range(n_groups)]
            means = [p[mask, c].mean() for mask in masks if mask.any()]
            centre = sum(means) / len(means)
            total = total + 2 * sum((mean - centre) ** 2 for mean in means)
    total.backward()
    torch.testing.assert_close(penalty(logits.softmax(dim=1)), total)
    torch.testing.assert_close(logits.grad, slow.grad)


def test_two_groups_give_the_squared_gap():
    labels, groups = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    penalty = GapPenalty(rate_family("demographic_parity", 2), labels, groups, 2)
    p = torch.tensor([0.1, 0.5, 0.7, 0.5])
    gap = (0.1 + 0.7) / 2 - 0.5
    assert float(penalty(torch.stack([1 - p, p], dim=1))) == pytest.approx(gap**2)


def test_stronger_penalties_leave_smaller_gaps():
    rows = small_rows(600, n_classes=2, n_groups=2, seed=0)
    penalty = GapPenalty(rate_family("demographic_parity", 2), rows.labels, rows.groups, 2)
    layers = list(penalty_path(rows.inputs, rows.labels, penalty, 2, [0.0, 1.0, 100.0]))
    with torch.no_grad():
        gaps = [float(penalty(layer(rows.inputs).softmax(dim=1)).sqrt()) for layer in layers]
    assert gaps[0] > 1.2 * gaps[1] > 2 * gaps[2]
    assert gaps[2] < 0.02


def test_missing_groups_and_excluded_rows_give_no_nan():
    rows = small_rows(300, n_classes=2, n_groups=2, seed=0)
    labels = torch.where(rows.groups == 1, 0, rows.labels)
    penalty = GapPenalty(rate_family("equalized_odds", 2), labels, rows.groups, 3)
    (layer,) = penalty_path(rows.inputs, labels, penalty, 2, [10.0])
    assert layer.weight.isfinite().all()
