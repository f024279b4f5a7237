import math

import numpy as np
import pytest
from scipy.stats import norm

from fairfactor.fairness import ConfusionCounts
from fairfactor.mitigation.constraint import Constraint
from fairfactor.mitigation.decidability import smallest_decidable_bound


def counts(*groups):
    """(true negatives, false positives, false negatives, true positives) of each group."""
    cells = np.array(groups).reshape(len(groups), 2, 2)
    return ConfusionCounts(cells, tuple(map(str, range(len(groups)))))


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("sizes", [(4000, 1000), (2000, 2000)])
def test_two_groups_are_as_noisy_as_the_normal_distribution_says(sizes, confidence):
    """Selection rate 0.3 in both: the gap is |N(0, p (1 − p) (1/n + 1/m))|."""
    rows = counts(*([0.35 * n, 0.15 * n, 0.35 * n, 0.15 * n] for n in sizes))
    rows = ConfusionCounts(rows.cells.astype(np.int64), rows.group_names)
    found = smallest_decidable_bound(
        Constraint("demographic_parity", 0.1), rows, confidence, replicates=20_000
    )
    deviation = math.sqrt(0.3 * 0.7 * sum(1 / n for n in sizes))
    assert found == pytest.approx(deviation * norm.ppf((1 + confidence) / 2), rel=0.05)


def test_gaps_of_the_rule_itself_do_not_count():
    """Only the pooled rates matter: a rule with a gap is judged as one without would be."""
    constraint = Constraint("equal_opportunity", 0.1)
    fair = smallest_decidable_bound(constraint, counts([50, 50, 50, 50], [50, 50, 50, 50]), 0.9)
    unfair = smallest_decidable_bound(constraint, counts([50, 50, 90, 10], [50, 50, 10, 90]), 0.9)
    assert fair == unfair


def test_equalized_odds_takes_the_noisier_rate():
    rows = counts([900, 100, 5, 5], [900, 100, 50, 50])
    worst, true, false = (
        smallest_decidable_bound(Constraint(name, 0.1), rows, 0.9)
        for name in ("equalized_odds", "equal_opportunity", "false_positive_rate")
    )
    assert worst >= true > 5 * false


def test_more_groups_are_harder():
    rows = [80, 20, 50, 50]
    constraint = Constraint("equalized_odds", 0.1)
    two, five = (smallest_decidable_bound(constraint, counts(*[rows] * n), 0.9) for n in (2, 5))
    assert five > 1.2 * two


def test_a_rate_that_is_certain_and_a_label_without_rows():
    sure, alone = counts([9, 0, 0, 9], [9, 0, 0, 9]), counts([9, 0, 0, 0], [9, 0, 0, 0])
    assert smallest_decidable_bound(Constraint("equalized_odds", 0.1), sure, 0.9) == 0
    assert smallest_decidable_bound(Constraint("equal_opportunity", 0.1), alone, 0.9) == math.inf


def test_what_is_no_gap():
    for name in ("accuracy", "worst_group_error", "worst_group_accuracy", "error_rate"):
        assert smallest_decidable_bound(Constraint(name, 0.5), counts([1, 1, 1, 1]), 0.9) is None


@pytest.mark.parametrize("seed", range(5))
def test_shares_of_many_classes_need_not_sum_to_one_exactly(seed: int) -> None:
    cells = np.random.default_rng(seed).poisson(0.6, (2, 26, 26)) + 20 * np.eye(26, dtype=np.int64)
    cells[:, 7] = 0  # a label without rows
    found = smallest_decidable_bound(
        Constraint("rms_true_positive_rate", 0.1), ConfusionCounts(cells, ("a", "b")), 0.9
    )
    assert found is not None
    assert 0 < found < 1
