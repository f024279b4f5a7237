from __future__ import annotations

import time
from functools import reduce
from operator import add

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from tests.oracles import fairness_oracle as oracle

from fairfactor import fairness
from fairfactor.errors import ArgumentError, DataError
from fairfactor.fairness import METRICS, ConfusionCounts, confusion_counts, fairness_metrics
from fairfactor.groups import Groups


@st.composite
def labelled_rows(draw, most_classes=4, excluded=True):
    """(y_true, y_pred, codes, n_groups, n_classes), with classes and groups missing at will."""
    n_groups, n_classes = draw(st.integers(2, 5)), draw(st.integers(2, most_classes))
    n_rows = draw(st.integers(1, 60))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    codes = generator.integers(-1 if excluded else 0, n_groups, n_rows)
    y_true, y_pred = generator.integers(0, n_classes, (2, n_rows))
    return y_true, y_pred, codes, n_groups, n_classes


def named(codes, n_groups: int) -> Groups:
    return Groups(codes, tuple(f"group {code}" for code in range(n_groups)))


@settings(deadline=None, max_examples=100)
@given(rows=labelled_rows())
def test_every_metric_equals_its_definition_row_by_row(rows):
    y_true, y_pred, codes, n_groups, n_classes = rows
    if (codes < 0).all():
        codes[0] = 0
    computed = fairness_metrics(y_true, y_pred, named(codes, n_groups), n_classes=n_classes)
    expected = oracle.metrics(y_true, y_pred, codes, n_classes)
    assert computed.keys() == METRICS.keys() == expected.keys() | {"paper_error"}
    for name, value in expected.items():
        np.testing.assert_allclose(computed[name], value, atol=1e-12, err_msg=name)


@settings(deadline=None, max_examples=8)
@given(rows=labelled_rows(most_classes=2, excluded=False))
def test_binary_gaps_equal_fairlearn(rows):
    y_true, y_pred, codes, n_groups, _ = rows
    # Fairlearn reads an undefined rate as 0, so give every group rows of both classes.
    y_true = np.concatenate([y_true, np.repeat([0, 1], n_groups)])
    y_pred = np.concatenate([y_pred, np.tile([0, 1], n_groups)])
    codes = np.concatenate([codes, np.tile(np.arange(n_groups), 2)])
    computed = fairness_metrics(y_true, y_pred, codes)

    def by_fairlearn(difference, **options):
        return difference(y_true, y_pred, sensitive_features=codes, **options)

    odds = fairlearn.equalized_odds_difference
    accuracies = fairlearn.MetricFrame(
        metrics=lambda true, predicted: np.mean(true == predicted),
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=codes,
    )
    expected = {
        "demographic_parity_difference": by_fairlearn(fairlearn.demographic_parity_difference),
        "equalized_odds_difference_worst_case": by_fairlearn(odds, agg="worst_case"),
        "equalized_odds_difference_mean": by_fairlearn(odds, agg="mean"),
        "equalized_odds_difference_sum": 2 * by_fairlearn(odds, agg="mean"),
        "equal_opportunity_difference": by_fairlearn(fairlearn.equal_opportunity_difference),
        "worst_group_accuracy": accuracies.group_min(),
        "accuracy_difference": accuracies.difference(),
        "accuracy": accuracies.overall,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(computed[name], value, atol=1e-12, err_msg=name)


@settings(deadline=None, max_examples=30)
@given(rows=labelled_rows(excluded=False))
def test_paper_error_is_hundred_minus_weighted_f1_of_scikit_learn(rows):
    y_true, y_pred, codes, _, n_classes = rows
    f1 = f1_score(y_true, y_pred, average="weighted", zero_division=0)
    computed = fairness_metrics(y_true, y_pred, codes, n_classes=n_classes)["paper_error"]
    np.testing.assert_allclose(computed, 100 - 100 * f1, atol=1e-10)


@settings(deadline=None, max_examples=30)
@given(rows=labelled_rows(), data=st.data())
def test_counts_add_up_over_any_split_and_do_not_depend_on_row_order(rows, data):
    y_true, y_pred, codes, n_groups, n_classes = rows
    n_rows = len(y_true)

    def count(selected) -> ConfusionCounts:
        groups = named(codes[selected], n_groups)
        return confusion_counts(y_true[selected], y_pred[selected], groups, n_classes=n_classes)

    order = np.array(data.draw(st.permutations(range(n_rows))))
    cuts = data.draw(st.sets(st.integers(1, n_rows - 1))) if n_rows > 1 else set()
    batches = [count(batch) for batch in np.split(order, sorted(cuts))]
    np.testing.assert_array_equal(reduce(add, batches).cells, count(np.arange(n_rows)).cells)


def test_metrics_are_vectorised_over_replicates():
    cells = np.random.default_rng(0).integers(0, 9, (4, 2, 3, 3, 3))
    replicated = ConfusionCounts(cells, ("a", "b", "c"))
    for name, metric in METRICS.items():
        one_by_one = [
            [float(metric(ConfusionCounts(one, ("a", "b", "c")))) for one in row] for row in cells
        ]
        np.testing.assert_allclose(metric(replicated), one_by_one, err_msg=name)


def test_rates_of_a_worked_example():
    counts = ConfusionCounts(np.array([[[3, 1], [2, 4]], [[5, 0], [5, 0]]]), ("a", "b"))
    np.testing.assert_allclose(counts.selection_rates[:, 1], [0.5, 0.0])
    np.testing.assert_allclose(counts.true_positive_rates[:, 1], [4 / 6, 0.0])
    np.testing.assert_allclose(counts.false_positive_rates[:, 1], [1 / 4, 0.0])
    np.testing.assert_allclose(counts.accuracies, [0.7, 0.5])
    assert fairness.equalized_odds_difference(counts) == pytest.approx(4 / 6)
    assert fairness.equalized_odds_difference(counts, agg="sum") == pytest.approx(4 / 6 + 1 / 4)


def test_a_group_without_positives_is_left_out_of_that_gap_only():
    groups = np.repeat([0, 1, 2], 4)
    y_true = np.array([0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0])
    y_pred = np.array([0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0])
    counts = confusion_counts(y_true, y_pred, groups)
    np.testing.assert_allclose(counts.true_positive_rates[:, 1], [1, 1 / 3, np.nan])
    assert fairness.equal_opportunity_difference(counts) == pytest.approx(2 / 3)
    assert fairness.false_positive_rate_difference(counts) == pytest.approx(1 / 2)
    two = fairness_metrics(y_true[4:], y_pred[4:], groups[4:] - 1)
    assert np.isnan(two["equal_opportunity_difference"])
    assert np.isnan(two["equalized_odds_difference_sum"])
    assert two["demographic_parity_difference"] == pytest.approx(1 / 4)


def test_a_group_without_rows_is_left_out_of_every_gap():
    rows = [0, 1, 0, 1], [0, 1, 1, 1]
    absent = fairness_metrics(*rows, Groups(np.array([0, 0, 2, 2]), ("a", "b", "c")))
    present = fairness_metrics(*rows, np.array([0, 0, 1, 1]))
    assert absent == present
    alone = fairness_metrics(*rows, np.zeros(4, dtype=int))
    assert np.isnan(alone["demographic_parity_difference"])
    assert alone["worst_group_accuracy"] == alone["accuracy"] == 0.75


def test_excluded_rows_count_nowhere():
    kept = fairness_metrics([0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1])
    assert fairness_metrics([0, 1, 0, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, -1]) == kept


def test_class_codes_may_come_as_booleans_or_whole_floats():
    expected = fairness_metrics([0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1])
    y_true = np.array([False, True, False, True])
    y_pred = np.array([0, 0, 1, 1], dtype=np.float32)
    assert fairness_metrics(y_true, y_pred, np.array([0, 0, 1, 1], dtype=np.uint8)) == expected


@pytest.mark.parametrize(
    ("y_true", "y_pred", "groups", "error", "message"),
    [
        ([0, 1], [0], [0, 1], ArgumentError, r"\(2, 1, 2\)"),
        ([0, 1], [0, 1], Groups(np.array([0]), ("a",)), ArgumentError, r"\(2, 2, 1\)"),
        ([], [], [], DataError, "y_true has shape"),
        ([[0, 1]], [0, 1], [0, 1], DataError, r"shape \(1, 2\)"),
        ([0.0, np.nan], [0, 1], [0, 1], DataError, "y_true holds nan"),
        ([0.0, np.inf], [0, 1], [0, 1], DataError, "y_true holds inf"),
        ([0, 1], [0.2, 1.0], [0, 1], DataError, "y_pred holds 0.2.*Threshold scores"),
        ([0, 1], [0, 2], [0, 1], DataError, "y_pred holds 2: expected integer codes from 0 to 1"),
        ([0, -1], [0, 1], [0, 1], DataError, "y_true holds -1"),
        ([0, 1], [0, 1], [0, -2], DataError, "groups holds -2"),
        ([0, 1], [0, 1], [0, 10**9], DataError, "groups holds 1000000000"),
        (["no", "yes"], [0, 1], [0, 1], DataError, "y_true holds <U3 values"),
        ([0, None], [0, 1], [0, 1], DataError, "y_true holds object values"),
    ],
)
def test_unusable_rows_are_refused(y_true, y_pred, groups, error, message):
    with pytest.raises(error, match=message):
        confusion_counts(y_true, y_pred, groups, n_classes=2)


def test_unusable_arguments_are_refused():
    with pytest.raises(ArgumentError, match="n_classes=1"):
        confusion_counts([0], [0], [0], n_classes=1)
    with pytest.raises(ArgumentError, match="cells"):
        ConfusionCounts(np.zeros((2, 2, 3), dtype=np.int64), ("a", "b"))
    counts = confusion_counts([0, 1], [0, 1], [0, 1])
    with pytest.raises(ArgumentError, match="agg='max'"):
        fairness.equalized_odds_difference(counts, agg="max")
    for other in (
        confusion_counts([0, 1], [0, 1], [0, 0]),
        confusion_counts([0, 1], [0, 1], [0, 1], n_classes=3),
    ):
        with pytest.raises(ArgumentError, match="other"):
            counts + other


def test_ten_thousand_rows_take_about_a_millisecond():
    y_true, y_pred, codes = np.random.default_rng(0).integers(0, 2, (3, 10_000))
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        fairness_metrics(y_true, y_pred, codes)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 2e-3  # 0.3 ms when the machine is free
