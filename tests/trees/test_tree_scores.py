from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from fairfactor.data.splits import split_rows
from fairfactor.errors import SavedModelError
from fairfactor.trees.tree_scores import DEPTH, FOLDS, TreeScores, fit_tree_scores

ROWS = 300
SOURCES = ("age", "town", "town", "town")


def people(classes: int = 2, groups: int = 2, seed: int = 0):
    """Age and town, of which two are named; class and group follow from both."""
    source = np.random.default_rng(seed)
    age, town = source.normal(size=ROWS), source.integers(0, 4, ROWS)
    towns = (town[:, None] == np.arange(1, 4)).astype(np.float32)
    inputs = torch.from_numpy(np.column_stack([age.astype(np.float32), towns]))
    pull = age + (town == 2) + source.normal(0, 0.7, ROWS)
    labels = np.digitize(pull, np.quantile(pull, np.arange(1, classes) / classes))
    sway = -age + (town == 1) + source.normal(0, 0.7, ROWS)
    codes = np.digitize(sway, np.quantile(sway, np.arange(1, groups) / groups))
    return inputs, torch.from_numpy(labels), torch.from_numpy(codes)


@cache
def fitted(classes: int = 2, groups: int = 2):
    """The module and the inputs with scores out of fold, for those people."""
    return fit(*people(classes, groups))


def fit(inputs, labels, codes, seed: int = 0):
    classes, groups = ([str(code) for code in range(int(c.max()) + 1)] for c in (labels, codes))
    return fit_tree_scores(
        inputs,
        labels,
        codes,
        source_columns=SOURCES,
        class_names=classes,
        group_names=groups,
        seed=seed,
    )


@pytest.mark.parametrize(
    ("classes", "groups", "expected"),
    [
        (2, 2, ["class 1", "group 1"]),
        (3, 2, ["class 0", "class 1", "class 2", "group 1"]),
        (2, 3, ["class 1", "group 0", "group 1", "group 2"]),
        (2, 1, ["class 1"]),
    ],
)
def test_what_has_a_score(classes, groups, expected):
    inputs, labels, codes = people(classes, groups)
    module, trained_on = fitted(classes, groups)
    assert module.names == tuple(f"score of {name}" for name in expected)
    assert trained_on.shape == (ROWS, 4 + len(expected))
    assert torch.equal(trained_on[:, :4], inputs)
    told = labels if expected[-1] == "class 1" else codes
    means = [trained_on[told == code, -1].mean() for code in range(int(told.max()) + 1)]
    assert means == sorted(means)


def test_trees_read_a_category_as_a_number():
    inputs = people()[0]
    module, _ = fitted()
    assert module.columns.tolist() == [[1, 0], [0, 1], [0, 2], [0, 3]]
    read = (inputs @ module.columns).numpy()
    np.testing.assert_array_equal(read[:, 0], inputs[:, 0].numpy())
    np.testing.assert_array_equal(read[:, 1], inputs[:, 1:].numpy() @ [1, 2, 3])


def test_each_training_row_is_scored_by_trees_that_did_not_see_it():
    """And every other row by the mean of all of them."""
    inputs, labels, codes = people()
    module, trained_on = fit(inputs, labels, codes, seed=3)
    read = (inputs @ module.columns).numpy()
    others = torch.from_numpy(np.random.default_rng(8).normal(size=(50, 4)).astype(np.float32))
    shares = {str(fold): 1 / FOLDS for fold in range(FOLDS)}
    cells = labels * 3 + codes + 1
    mean = np.zeros(50)
    for fold, held_out in enumerate(split_rows(ROWS, shares, seed=3, stratify=cells).values()):
        seen = np.setdiff1d(np.arange(ROWS), held_out)
        model = HistGradientBoostingClassifier(
            max_depth=DEPTH, early_stopping=False, random_state=3 * FOLDS + fold
        ).fit(read[seen], labels.numpy()[seen])
        expected = model.decision_function(read[held_out])
        np.testing.assert_allclose(trained_on[held_out, 4], expected, rtol=1e-5, atol=1e-6)
        mean += model.decision_function((others @ module.columns).numpy()) / FOLDS
    np.testing.assert_allclose(module(others)[:, 4], mean, rtol=1e-5, atol=1e-6)


def test_scores_of_chance_know_nothing_of_the_rows_they_were_trained_on():
    inputs, _, codes = people()
    chance = torch.from_numpy(np.random.default_rng(5).integers(0, 2, ROWS))
    module, trained_on = fit(inputs, chance, codes)
    honest = np.corrcoef(trained_on[:, 4], chance)[0, 1]
    told = np.corrcoef(module(inputs)[:, 4], chance)[0, 1]
    assert abs(honest) < 0.15
    assert told > 0.4


def test_rows_of_no_group_train_the_class_alone():
    inputs, labels, codes = people()
    nobody = torch.arange(ROWS) % 4 == 0
    hidden = torch.where(nobody, -1, codes)
    module, trained_on = fit(inputs, labels, hidden)
    assert bool(trained_on.isfinite().all())
    swapped = torch.where(nobody, -inputs[:, 0], inputs[:, 0])
    moved = torch.cat([swapped[:, None], inputs[:, 1:]], dim=1)
    again, _ = fit(moved, labels, hidden)
    assert torch.equal(again(inputs)[:, 5], module(inputs)[:, 5])
    assert not torch.equal(again(inputs)[:, 4], module(inputs)[:, 4])


def test_what_a_fold_cannot_tell_is_zero_there():
    inputs, labels, _ = people()
    codes = torch.zeros(ROWS, dtype=torch.int64)
    codes[0] = 1
    _, trained_on = fit(inputs, labels, codes)
    assert trained_on[0, 5] == 0
    assert bool(trained_on.isfinite().all())


def test_the_same_seed_gives_the_same_bits_and_leaves_the_global_generators():
    data = people()
    torch.manual_seed(1)
    np.random.seed(1)
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()
    first, trained_on = fitted()
    again, trained_again = fit(*data)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()
    assert torch.equal(trained_on, trained_again)
    for one, other in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(fit(*data, seed=1)[1], trained_on)


class TestSaved:
    def test_description_and_tensors_give_the_same_bits(self):
        inputs, (module, _) = people()[0], fitted(2, 3)
        again = TreeScores.skeleton(module.description(), 4)
        again.load_state_dict(module.state_dict())
        assert again.names == module.names
        assert torch.equal(again(inputs), module(inputs))

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"trees": None}, "cannot be used"),
            ({"names": 3}, "cannot be used"),
            ({"names": ["a"]}, "2 scores, but there are 1 names"),
            ({"trees": {"inputs": 3}}, "not one of trees"),
        ],
    )
    def test_another_description_is_refused(self, change, text):
        module, _ = fitted()
        with pytest.raises(SavedModelError, match=text):
            TreeScores.skeleton(module.description() | change, 4)
