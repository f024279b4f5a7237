from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.oracles.fairness_oracle import row_bootstrap

from fairfactor.errors import ArgumentError, DataError
from fairfactor.fairness import METRICS, ConfusionCounts, confusion_counts, fairness_metrics
from fairfactor.intervals import (
    bootstrap_gap_interval,
    group_table,
    holm,
    mean_interval,
    paired_difference,
    resample,
    wilson_interval,
)

GAP = "demographic_parity_difference"


def sample(rates, n_rows: int, seed: int):
    """Rows of equally likely groups that are selected at the given rates, labels at random."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, len(rates), n_rows)
    y_pred = (generator.random(n_rows) < np.asarray(rates)[codes]).astype(int)
    return generator.integers(0, 2, n_rows), y_pred, codes


# Over seeds


@pytest.mark.parametrize("n", [2, 5, 12])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_paired_difference_equals_the_paired_t_test(n, confidence):
    a, b = np.random.default_rng(n).normal([[0.3], [0.0]], 1.0, (2, n))
    interval, test = paired_difference(a, b, confidence), stats.ttest_rel(a, b)
    expected = test.confidence_interval(confidence)
    np.testing.assert_allclose((interval.low, interval.high), expected, rtol=1e-9)
    np.testing.assert_allclose(interval.p_value, test.pvalue, rtol=1e-9)
    np.testing.assert_allclose(interval.sd, np.std(a - b, ddof=1))
    assert interval.mean == pytest.approx(np.mean(a - b))
    assert interval.n == n


def test_one_seed_gives_no_interval():
    interval = paired_difference([0.3], [0.1])
    assert interval.mean == pytest.approx(0.2)
    assert (interval.low, interval.high) == (-math.inf, math.inf)
    assert math.isnan(interval.p_value)
    assert math.isnan(interval.sd)
    assert str(interval) == "0.2 (one seed: no interval)"


@pytest.mark.parametrize(("value", "p_value"), [(0.1, 0.0), (0.0, 1.0)])
def test_equal_values_give_an_exact_interval(value, p_value):
    interval = mean_interval([value] * 7)
    assert (interval.mean, interval.low, interval.high) == (value, value, value)
    assert (interval.sd, interval.p_value) == (0.0, p_value)


def test_an_interval_reads_as_text():
    assert str(mean_interval([1.0, 2.0, 3.0])) == "2 [-0.4841, 4.484]"


def test_unusable_seeds_are_refused():
    for values in ([], [0.1, math.nan], [[0.1, 0.2]]):
        with pytest.raises(DataError, match="one finite number per seed"):
            mean_interval(values)
    with pytest.raises(ArgumentError, match=r"b=\(1,\)"):
        paired_difference([0.1, 0.2], [0.1])
    with pytest.raises(ArgumentError, match="confidence=95"):
        mean_interval([0.1, 0.2], confidence=95)


def holm_oracle(p_values):
    """Holm's steps as the paper tells them: the smallest p-value first, each times what is left."""
    adjusted, largest = {}, 0.0
    for rejected, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, (len(p_values) - rejected) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return [adjusted[index] for index in range(len(p_values))]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_equals_its_stepwise_definition(p_values):
    np.testing.assert_allclose(holm(p_values), holm_oracle(p_values))


def test_holm_of_a_textbook_example_with_a_missing_test():
    p_values = [0.01, math.nan, 0.04, 0.03, 0.005]
    np.testing.assert_allclose(holm(p_values), [0.03, math.nan, 0.06, 0.06, 0.02])
    assert p_values[0] == 0.01


# Of rates


@settings(deadline=None, max_examples=40)
@given(trials=st.integers(1, 500), data=st.data(), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_interval_equals_scipy(trials, data, confidence):
    successes = data.draw(st.integers(0, trials))
    estimate = wilson_interval(successes, trials, confidence)
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    np.testing.assert_allclose((estimate.low, estimate.high), expected, atol=1e-12)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_wilson_interval_without_trials_knows_nothing():
    estimate = wilson_interval(0, 0)
    assert math.isnan(estimate.value)
    assert (estimate.low, estimate.high) == (0, 1)
    with pytest.raises(ArgumentError, match="successes=3"):
        wilson_interval(3, 2)


def test_group_table_of_a_worked_example():
    cells = np.array([[[3, 1], [2, 4]], [[5, 2], [0, 0]], [[0, 0], [1, 2]], [[0, 0], [0, 0]]])
    a, b, c, d = group_table(ConfusionCounts(cells, ("a", "b", "c", "d")), confidence=0.9)
    assert (a.group, a.count, a.positives, a.note) == ("a", 10, 6, "")
    assert a.selection_rate == wilson_interval(5, 10, 0.9)
    assert a.true_positive_rate == wilson_interval(4, 6, 0.9)
    assert a.false_positive_rate == wilson_interval(1, 4, 0.9)
    assert a.accuracy == wilson_interval(7, 10, 0.9)
    assert a.error_rate == wilson_interval(3, 10, 0.9)
    assert math.isnan(b.true_positive_rate.value)
    assert "true positive rate is undefined" in b.note
    assert math.isnan(c.false_positive_rate.value)
    assert "false positive rate is undefined" in c.note
    assert math.isnan(d.accuracy.value)
    assert "no rows" in d.note


def test_group_table_of_one_class_among_several():
    y_true, y_pred, codes = np.random.default_rng(0).integers(0, 3, (3, 300))
    counts = confusion_counts(y_true, y_pred, codes)
    for positive in range(3):
        for code, row in enumerate(group_table(counts, positive=positive)):
            assert row.positives == np.sum((codes == code) & (y_true == positive))
            assert row.true_positive_rate.value == counts.true_positive_rates[code, positive]
            assert row.false_positive_rate.value == counts.false_positive_rates[code, positive]
    with pytest.raises(ArgumentError, match="positive=3"):
        group_table(counts, positive=3)
    with pytest.raises(ArgumentError, match="one data set"):
        group_table(resample(counts, 2))


# Of gaps


@pytest.mark.parametrize("metric", [GAP, "equalized_odds_difference_sum", "paper_error"])
def test_resampling_cells_is_the_row_bootstrap(metric):
    rows = sample([0.2, 0.4, 0.5], 250, seed=1)
    by_cells = METRICS[metric](resample(confusion_counts(*rows), 4000, seed=2))
    by_rows = row_bootstrap(*rows, lambda *drawn: fairness_metrics(*drawn)[metric], 1500, seed=3)
    assert stats.ks_2samp(by_cells, by_rows).pvalue > 0.01


def test_resampling_keeps_totals_and_empty_cells_and_is_seeded():
    counts = ConfusionCounts(np.array([[[30, 0], [5, 7]], [[0, 0], [9, 4]]]), ("a", "b"))
    replicated = resample(counts, 500, seed=0)
    np.testing.assert_array_equal(replicated.cells.sum((-3, -2, -1)), 55)
    assert not replicated.cells[:, counts.cells == 0].any()
    np.testing.assert_allclose(replicated.cells.mean(0), counts.cells, atol=1.0)
    np.testing.assert_array_equal(replicated.cells, resample(counts, 500, seed=0).cells)
    assert (replicated.cells != resample(counts, 500, seed=1).cells).any()


@pytest.mark.parametrize("rates", [[0.3, 0.3], [0.3, 0.35], [0.2, 0.5], [0.2, 0.3, 0.4]])
def test_gap_intervals_cover_the_true_gap(rates):
    true_gap, simulations = max(rates) - min(rates), 200
    covered = 0
    for seed in range(simulations):
        rows = sample(rates, 400, seed)
        interval = bootstrap_gap_interval(confusion_counts(*rows), GAP, replicates=300, seed=seed)
        covered += interval.low <= true_gap <= interval.high
    # 95 % is promised; a count below this has a probability of 1 in 1000 at a coverage of 94 %.
    least = stats.binom(simulations, 0.94).ppf(0.001)
    assert covered >= least


def test_a_metric_may_be_a_function():
    rows = sample([0.2, 0.5], 300, seed=0)
    assert bootstrap_gap_interval(confusion_counts(*rows), METRICS[GAP]) == bootstrap_gap_interval(
        confusion_counts(*rows), GAP
    )


def test_intervals_shrink_with_rows_and_grow_with_confidence():
    few, many = (sample([0.2, 0.5], n_rows, seed=0) for n_rows in (200, 20_000))
    narrow, wide = (bootstrap_gap_interval(confusion_counts(*rows), GAP) for rows in (many, few))
    assert narrow.high - narrow.low < 0.2 * (wide.high - wide.low)
    bounds = [
        bootstrap_gap_interval(confusion_counts(*few), GAP, confidence=level).high
        for level in (0.5, 0.9, 0.99)
    ]
    assert bounds == sorted(set(bounds))


def test_a_gap_that_replicates_leave_undefined_has_no_upper_bound():
    rows = [1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 1]
    interval = bootstrap_gap_interval(confusion_counts(*rows), "equal_opportunity_difference")
    assert (interval.value, interval.low, interval.high) == (1.0, 0.0, math.inf)


def test_an_undefined_gap_has_no_interval():
    rows = [0, 0, 0], [1, 0, 0], [0, 0, 1]
    interval = bootstrap_gap_interval(confusion_counts(*rows), "equal_opportunity_difference")
    assert all(map(math.isnan, (interval.value, interval.low, interval.high)))


def test_unusable_bootstraps_are_refused():
    rows = sample([0.2, 0.5], 50, seed=0)
    with pytest.raises(ArgumentError, match=f"metric='equalized_odds'.*{GAP}"):
        bootstrap_gap_interval(confusion_counts(*rows), "equalized_odds")
    with pytest.raises(ArgumentError, match="replicates=0"):
        bootstrap_gap_interval(confusion_counts(*rows), GAP, replicates=0)
    with pytest.raises(ArgumentError, match="confidence=1"):
        bootstrap_gap_interval(confusion_counts(*rows), GAP, confidence=1)
    with pytest.raises(ArgumentError, match="at least one row"):
        resample(ConfusionCounts(np.zeros((2, 2, 2), dtype=int), ("a", "b")), 10)
