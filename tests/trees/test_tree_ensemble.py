from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from tests.oracles.decision_trees import walk

from fairfactor.errors import SavedModelError
from fairfactor.trees import tree_ensemble as module
from fairfactor.trees.tree_ensemble import TreeEnsemble


@dataclass
class Boosted:
    model: HistGradientBoostingClassifier
    trees: TreeEnsemble
    inputs: torch.Tensor


def boosted(seed: int = 0, **options: object) -> Boosted:
    """Trees on integers, halves and noise, whose thresholds are often values of other rows."""
    source = np.random.default_rng(seed)
    inputs = np.column_stack(
        [source.integers(0, 6, 700), source.integers(0, 9, 700) / 2, source.normal(size=(700, 2))]
    ).astype(np.float32)
    labels = inputs[:, 0] - 2 * inputs[:, 1] + inputs[:, 2] ** 2 + source.normal(size=700) > 0
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **options)
    model.fit(inputs[:400], labels[:400])
    return Boosted(model, TreeEnsemble.from_boosting(model), torch.from_numpy(inputs))


def random_trees(seed: int, trees: int = 4, inputs: int = 3, splits: int = 6) -> TreeEnsemble:
    """Trees of one score, grown by splitting random leaves."""
    source = np.random.default_rng(seed)
    grown = []
    for _ in range(trees):
        children: list[list[int]] = [[0, 0]]
        for _ in range(int(source.integers(0, splits + 1))):
            leaf = source.choice([n for n, pair in enumerate(children) if pair[0] == n])
            first = len(children)
            children += [[first, first], [first + 1, first + 1]]
            children[leaf] = [first, first + 1]
        one = TreeEnsemble(inputs, 1, 1, len(children), len(children))
        one.left.copy_(torch.tensor(children)[:, 0])
        one.right.copy_(torch.tensor(children)[:, 1])
        one.feature.copy_(torch.from_numpy(source.integers(0, inputs, len(children))))
        one.threshold.copy_(torch.from_numpy(source.integers(-2, 3, len(children)) / 2))
        one.value.copy_(torch.from_numpy(source.normal(size=len(children))))
        one.baseline.fill_(source.normal())
        grown.append(one)
    mean = TreeEnsemble.mean(grown)
    mean.value.mul_(trees)
    return mean


@pytest.mark.parametrize(
    "options",
    [{}, {"max_depth": 3}, {"max_leaf_nodes": 2}, {"max_iter": 1}, {"min_samples_leaf": 300}],
)
def test_scores_are_those_of_scikit_learn(options):
    made = boosted(**options)
    expected = made.model.decision_function(made.inputs.numpy())
    assert len(np.unique(expected)) > 1 or "min_samples_leaf" in options
    found = made.trees(made.inputs)
    assert (found.dtype, found.shape) == (torch.float32, (700, 1))
    np.testing.assert_allclose(found[:, 0].numpy(), expected, rtol=1e-6, atol=1e-6)


def test_a_value_equal_to_the_threshold_goes_left():
    trees = TreeEnsemble(1, 1, 1, 3, 1)
    trees.left.copy_(torch.tensor([1, 1, 2]))
    trees.right.copy_(torch.tensor([2, 1, 2]))
    trees.threshold[0] = 0.1  # no float32 is equal to it: the nearest one is larger
    trees.value.copy_(torch.tensor([5.0, -1.0, 1.0]))
    below, above = np.nextafter(np.float32(0.1), np.float32([0, 1]))
    inputs = torch.tensor([[below], [np.float32(0.1)], [above]])
    assert trees(inputs).flatten().tolist() == [-1, 1, 1]
    trees.threshold[0] = float(np.float32(0.1))
    assert trees(inputs).flatten().tolist() == [-1, -1, 1]


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_every_row_walks_from_root_to_leaf(seed, rows):
    ensembles = [random_trees(seed), random_trees(seed + 1, trees=2), random_trees(seed + 2)]
    source = np.random.default_rng(seed)
    inputs = torch.from_numpy(source.integers(-3, 4, (rows, 3)) / np.float32(2))
    together = TreeEnsemble.side_by_side(ensembles)
    torch.testing.assert_close(together(inputs).double(), walk(together, inputs))
    apart = torch.cat([walk(one, inputs) for one in ensembles], dim=1)
    torch.testing.assert_close(together(inputs).double(), apart)
    mean = TreeEnsemble.mean(ensembles)(inputs).double()
    torch.testing.assert_close(mean, apart.mean(dim=1, keepdim=True))


def test_a_constant_is_zero_and_joins_others():
    made = boosted(max_iter=5)
    constant = TreeEnsemble.constant(4)
    assert constant(made.inputs).abs().max() == 0
    together = TreeEnsemble.side_by_side([constant, made.trees])(made.inputs)
    assert torch.equal(together, torch.cat([constant(made.inputs), made.trees(made.inputs)], dim=1))


def test_the_bits_of_a_row_do_not_depend_on_its_company(monkeypatch):
    made = boosted()
    expected = made.trees(made.inputs)
    assert torch.equal(made.trees(made.inputs[7:8]), expected[7:8])
    monkeypatch.setattr(module, "_ROWS", 3)
    assert torch.equal(made.trees(made.inputs), expected)


def test_the_deepest_leaf_is_reached():
    made = boosted()
    assert made.trees.depth > 5
    expected = made.trees(made.inputs)
    made.trees.depth -= 1
    assert not torch.equal(made.trees(made.inputs), expected)


class TestSaved:
    def test_sizes_and_tensors_give_the_same_bits(self):
        made = boosted(max_iter=7)
        again = TreeEnsemble.skeleton(made.trees.description())
        again.load_state_dict(made.trees.state_dict())
        again.require_sound()
        assert torch.equal(again(made.inputs), made.trees(made.inputs))

    @pytest.mark.parametrize(
        "change",
        [{"depth": -1}, {"depth": 1001}, {"nodes": 2.0}, {"trees": "7"}, {"colour": 1}],
    )
    def test_another_description_is_refused(self, change):
        with pytest.raises(SavedModelError, match="not one of trees"):
            TreeEnsemble.skeleton(boosted(max_iter=2).trees.description() | change)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("left", 10**6), ("right", -1), ("left", 0), ("roots", 10**6), ("feature", 4)],
    )
    def test_nodes_that_lead_nowhere_or_back_are_refused(self, name, value):
        trees = boosted(max_iter=2).trees
        getattr(trees, name).view(-1)[-1] = value
        with pytest.raises(SavedModelError, match="do not exist"):
            trees.require_sound()
