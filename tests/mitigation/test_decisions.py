import numpy as np
import pytest
import torch
from tests.mitigation.small_problem import random_cells

from fairfactor.fairness import confusion_counts
from fairfactor.mitigation.decisions import count_decisions, known_group, relative_weights


@pytest.mark.parametrize(("n_classes", "n_groups"), [(2, 2), (2, 7), (4, 3)])
def test_counts_are_those_of_each_rule_on_its_own(n_classes, n_groups):
    generator = np.random.default_rng(0)
    cells = random_cells(300, n_classes, n_groups)
    labels = torch.from_numpy(generator.integers(n_classes, size=300))
    groups = torch.from_numpy(generator.integers(-1, n_groups, size=300))
    weights = generator.normal(size=(20, n_classes, n_classes, n_groups))
    names = tuple(map(str, range(n_groups)))
    counts = count_decisions(cells, weights, labels, groups, names)
    for rule, expected in enumerate(weights):
        decided = np.einsum("cys,xys->xc", expected, cells.numpy()).argmax(axis=1)
        included = groups.numpy() >= 0
        reference = confusion_counts(
            labels.numpy()[included],
            decided[included],
            groups.numpy()[included],
            n_classes=n_classes,
        )
        np.testing.assert_array_equal(counts.cells[rule], reference.cells)


def test_many_rules_and_rows_are_cut_into_blocks():
    cells = random_cells(5000, 2, 2).float()
    labels, groups = torch.arange(5000) % 2, torch.arange(5000) // 2 % 2
    weights = np.random.default_rng(0).normal(size=(600, 2, 2, 2))
    counts = count_decisions(cells, weights, labels, groups, ("a", "b"))
    last = count_decisions(cells, weights[-1:], labels, groups, ("a", "b"))
    assert (counts.cells.sum(axis=(1, 2, 3)) == 5000).all()
    np.testing.assert_array_equal(counts.cells[-1:], last.cells)


def test_ties_go_to_the_first_class():
    cells = torch.full((10, 2, 2), 0.25)
    labels, groups = torch.zeros(10, dtype=torch.int64), torch.arange(10) % 2
    weights = np.eye(2)[None, :, :, None].repeat(2, axis=3)
    counts = count_decisions(cells, weights, labels, groups, ("a", "b"))
    assert counts.predicted[0, :, 1].sum() == 0


def test_groups_that_no_row_has_are_counted_as_empty():
    cells = random_cells(10, 2, 3)
    weights = np.eye(2)[None, :, :, None].repeat(3, axis=3)
    labels = torch.zeros(10, dtype=torch.int64)
    groups = torch.zeros(10, dtype=torch.int64)
    counts = count_decisions(cells, weights, labels, groups, ("a", "b", "c"))
    assert counts.sizes.tolist() == [[10, 0, 0]]


def test_known_group_leaves_only_that_group():
    cells = random_cells(4, 2, 3)
    known = known_group(cells, torch.tensor([0, 2, 1, -1]))
    torch.testing.assert_close(known.sum(dim=(1, 2)), torch.ones(4, dtype=torch.float64))
    expected = cells[1, :, 2] / cells[1, :, 2].sum()
    torch.testing.assert_close(known[1, :, 2], expected)
    assert known[1, :, :2].sum() == 0
    torch.testing.assert_close(known[3], cells[3])


def test_relative_weights_decide_the_same():
    weights = np.random.default_rng(0).normal(size=(3, 3, 3, 2))
    relative = relative_weights(weights)
    cells = random_cells(50, 3, 2).numpy()
    assert (relative[:, 0] == 0).all()
    for rule in range(3):
        scores = [np.einsum("cys,xys->xc", w[rule], cells) for w in (weights, relative)]
        np.testing.assert_array_equal(scores[0].argmax(1), scores[1].argmax(1))
