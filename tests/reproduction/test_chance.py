import numpy as np
import pytest

from fairfactor.fairness import ConfusionCounts
from fairfactor.reproduction.chance import odds_by_chance


def counts(rows, groups=2, rate=0.8):
    right = round(rows * rate)
    cells = np.array([[right, rows - right], [rows - right, right]])
    return ConfusionCounts(np.stack([cells] * groups), tuple(map(str, range(groups))))


def test_two_large_groups_differ_as_the_normal_distribution_says():
    rows, rate = 2000, 0.8
    deviation = np.sqrt(2 * rate * (1 - rate) / rows)  # of the difference of two rates
    # The mean of the larger of two independent |normal| values is 2 / sqrt(pi) deviations.
    assert odds_by_chance(counts(rows)) == pytest.approx(2 / np.sqrt(np.pi) * deviation, rel=0.06)


def test_small_and_many_groups_differ_more():
    assert odds_by_chance(counts(50)) > 4 * odds_by_chance(counts(2000))
    assert odds_by_chance(counts(50, groups=5)) > 1.5 * odds_by_chance(counts(50))


def test_a_real_gap_does_not_count():
    cells = [[[900, 100], [100, 900]], [[500, 500], [0, 1000]]]
    apart = ConfusionCounts(np.array(cells), ("a", "b"))
    assert odds_by_chance(apart) < 0.05
