import pytest
import torch
from tests.mitigation.small_problem import small_rows
from tests.oracles import group_losses

from fairfactor.errors import ArgumentError
from fairfactor.mitigation.gap_penalty import GapPenalty
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.running_gap_penalty import RunningGapPenalty


def random_batches(n_classes, n_groups, number=5):
    rows = small_rows(30 * number, n_classes=n_classes, n_groups=n_groups, seed=0)
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(len(rows.labels), n_classes, generator=generator, dtype=torch.float64)
    return list(zip(logits.split(30), rows.labels.split(30), rows.groups.split(30), strict=True))


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.99])
@pytest.mark.parametrize(("n_classes", "n_groups"), [(2, 2), (3, 4)])
@pytest.mark.parametrize("notion", ["equalized_odds", "demographic_parity"])
def test_values_are_those_of_a_loop(notion, n_classes, n_groups, memory):
    batches = random_batches(n_classes, n_groups)
    batches[0] = (batches[0][0], batches[0][1], torch.where(batches[0][2] == 1, 0, batches[0][2]))
    family = rate_family(notion, n_classes)
    penalty = RunningGapPenalty(family, n_groups, memory)
    found, plain = [], []
    for logits, labels, groups in batches:
        p = logits.softmax(dim=1)
        found.append(float(penalty(p, labels, groups)))
        plain.append((p.tolist(), labels.tolist(), groups.tolist()))
    expected = group_losses.running_gaps(plain, family, n_groups, memory)
    assert found == pytest.approx(expected, rel=1e-9)


def test_one_batch_of_all_rows_is_the_whole_penalty():
    [(logits, labels, groups)] = random_batches(2, 3, number=1)
    family = rate_family("equalized_odds", 2)
    logits = logits.float().requires_grad_()
    RunningGapPenalty(family, 3)(logits.softmax(dim=1), labels, groups).backward()
    whole = logits.detach().clone().requires_grad_()
    GapPenalty(family, labels, groups, 3)(whole.softmax(dim=1)).backward()
    torch.testing.assert_close(logits.grad, whole.grad)


def test_a_gradient_pulls_as_hard_with_a_long_memory():
    """The gradient is that of the rates of the batch, at the gap of the running rates."""
    [(logits, labels, groups)] = random_batches(2, 2, number=1)
    gradients = []
    for memory in (0.0, 0.9):
        penalty = RunningGapPenalty(rate_family("demographic_parity", 2), 2, memory)
        for _ in range(3):
            leaf = logits.clone().requires_grad_()
            penalty(leaf.softmax(dim=1), labels, groups).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients)


def test_a_group_that_a_batch_misses_keeps_its_rate_and_gets_no_gradient():
    [(logits, labels, groups)] = random_batches(2, 2, number=1)
    penalty = RunningGapPenalty(rate_family("demographic_parity", 2), 2)
    penalty(logits.softmax(dim=1), labels, groups)
    rate = float(penalty.hit_sums[0, 1] / penalty.row_sums[0, 1])
    alone = torch.where(groups == 1, -1, groups)
    leaf = logits.clone().requires_grad_()
    penalty(leaf.softmax(dim=1), labels, alone).backward()
    assert float(penalty.hit_sums[0, 1] / penalty.row_sums[0, 1]) == pytest.approx(rate)
    assert (leaf.grad[groups == 1] == 0).all()
    assert leaf.grad.isfinite().all()
    assert bool((leaf.grad[groups == 0] != 0).any())


@pytest.mark.parametrize("memory", [-0.1, 1.0, float("nan")])
def test_memories_that_are_refused(memory):
    with pytest.raises(ArgumentError, match="memory="):
        RunningGapPenalty(rate_family("demographic_parity", 2), 2, memory)
