from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from fairfactor.errors import ArgumentError
from fairfactor.intervals import Interval, mean_interval, welch_difference
from fairfactor.reproduction.paper import METRICS, PaperNumber
from fairfactor.reproduction.verdict import TOLERANCE, judge_claim, judge_number, within


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, 1.0, low, high, 10, 0.5)


class TestWithin:
    @pytest.mark.parametrize(
        ("low", "high", "verdict"),
        [
            (-0.5, 0.5, "reproduces"),
            (-0.1, 0.2, "reproduces"),
            (0.0, 0.0, "reproduces"),
            (0.50001, 2.0, "does not reproduce"),
            (-3.0, -0.6, "does not reproduce"),
            (-0.6, 0.1, "cannot be decided"),
            (0.4, 0.6, "cannot be decided"),
            (-2.0, 2.0, "cannot be decided"),
            (-math.inf, math.inf, "cannot be decided"),
        ],
    )
    def test_the_whole_interval_decides(self, low: float, high: float, verdict: str) -> None:
        assert within(interval(low, high), 0.5) == verdict


class TestNumber:
    def test_without_a_spread_the_interval_is_that_of_our_mean(self) -> None:
        values = [16.0, 16.2, 16.4]
        judged = judge_number(values, PaperNumber(16.1), "paper_error")
        ours = mean_interval(values)
        assert judged.difference.low == pytest.approx(ours.low - 16.1)
        assert judged.difference.high == pytest.approx(ours.high - 16.1)

    def test_with_a_spread_the_interval_is_welchs(self) -> None:
        source = np.random.default_rng(0)
        ours, theirs = source.normal(16, 0.3, 10), source.normal(16.5, 0.8, 10)
        paper = PaperNumber(float(theirs.mean()), float(theirs.std(ddof=1)))
        judged = judge_number(list(ours), paper, "paper_error")
        expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
        assert judged.difference.low == pytest.approx(expected.low)
        assert judged.difference.high == pytest.approx(expected.high)

    def test_one_seed_decides_nothing(self) -> None:
        for paper in (PaperNumber(16.0), PaperNumber(16.0, 0.1)):
            assert judge_number([16.0], paper, "paper_error").verdict == "cannot be decided"

    def test_a_noisy_paper_cannot_be_refuted_by_a_little(self) -> None:
        values = [0.21, 0.21, 0.21]
        gap = "demographic_parity_difference"
        assert judge_number(values, PaperNumber(0.18), gap).verdict == "does not reproduce"
        assert judge_number(values, PaperNumber(0.18, 0.05), gap).verdict == "cannot be decided"

    def test_every_metric_of_the_paper_has_a_tolerance(self) -> None:
        assert set(TOLERANCE) == set(METRICS)


class TestClaim:
    @pytest.mark.parametrize(
        ("change", "verdict"),
        [
            (-0.10, "reproduces"),
            (-0.06, "reproduces"),
            (-0.04, "does not reproduce"),
            (0.0, "does not reproduce"),
            (0.10, "does not reproduce"),
        ],
    )
    def test_half_of_the_claimed_change_divides(self, change: float, verdict: str) -> None:
        second = [0.2, 0.3, 0.25]
        first = [value + change for value in second]
        assert judge_claim(first, second, -0.1).verdict == verdict

    def test_direction_counts(self) -> None:
        assert judge_claim([0.3, 0.4], [0.2, 0.3], 0.1).verdict == "reproduces"
        assert judge_claim([0.2, 0.3], [0.3, 0.4], 0.1).verdict == "does not reproduce"

    def test_an_interval_over_the_half_is_open(self) -> None:
        assert judge_claim([0.0, 0.2], [0.1, 0.1], 0.1).verdict == "cannot be decided"

    def test_pairs_count_not_spread(self) -> None:
        second = [0.1, 0.5, 0.9]
        assert judge_claim([v + 0.01 for v in second], second, 0.01).verdict == "reproduces"

    @pytest.mark.parametrize("claimed", [0.0, math.nan])
    def test_no_change_is_no_claim(self, claimed: float) -> None:
        with pytest.raises(ArgumentError, match="a change"):
            judge_claim([0.1, 0.2], [0.1, 0.2], claimed)


class TestWelch:
    def test_without_spread_the_interval_is_a_point(self) -> None:
        found = welch_difference([1.0, 1.0], 1.0, 0.0, 10)
        assert (found.low, found.high, found.p_value) == (0.0, 0.0, 1.0)

    def test_one_seed_has_no_interval(self) -> None:
        assert welch_difference([1.0], 1.0, 0.1, 10).high == math.inf

    def test_p_value_is_that_of_the_test(self) -> None:
        ours, theirs = [1.0, 1.5, 1.2, 0.9], [1.4, 1.9, 1.6]
        found = welch_difference(ours, float(np.mean(theirs)), float(np.std(theirs, ddof=1)), 3)
        assert found.p_value == pytest.approx(stats.ttest_ind(ours, theirs, equal_var=False)[1])

    @pytest.mark.parametrize(("sd", "n"), [(0.1, 1), (-0.1, 5), (math.nan, 5)])
    def test_bad_input(self, sd: float, n: int) -> None:
        with pytest.raises(ArgumentError):
            welch_difference([1.0, 2.0], 1.0, sd, n)
