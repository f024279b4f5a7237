from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from tests.studies.examples import with_values

from fairfactor.intervals import paired_difference
from fairfactor.studies.comparison import Comparison
from fairfactor.studies.verdict import (
    HEADLINE_METRICS,
    Verdict,
    difference,
    give_verdict,
    reference_cells,
)

DP = "demographic_parity_difference"
EO = "equalized_odds_difference_sum"
ERROR = "paper_error"
OURS, TL, SVD = ("neutralized", 1), ("head-tuning", None), ("plain-svd", 1)
LABEL = "Neutralised SVD (the paper)"
NOISE = (0.01, -0.01, 0.02, -0.02, 0.0)
"""One value a seed; its mean is 0."""


def around(value: float, scale: float = 1.0) -> list[float]:
    return [value + scale * noise for noise in NOISE]


def steady(value: float) -> dict[str, list[float]]:
    return {metric: [value] * len(NOISE) for metric in HEADLINE_METRICS}


def verdict(
    comparison: Comparison, references: Sequence = (TL, SVD), **ours: Sequence[float]
) -> Verdict:
    """The verdict where the references have 0.5 for every metric and our method what is given.

    What is not given differs from 0.5 by noise that has no direction.
    """
    values = {metric: list(ours.get(metric, around(0.5))) for metric in HEADLINE_METRICS}
    cells = {OURS: values} | {reference: steady(0.5) for reference in references}
    return give_verdict(with_values(comparison, cells))


def test_nothing_detected(comparison: Comparison) -> None:
    found = verdict(comparison)
    assert found.headline == f"No difference in the error or the gaps detected for {LABEL}."
    assert found.sentences == (
        "In 6 of 6 comparisons no difference was detected.",
        (
            "A difference counts if its paired test over 5 seeds is below 0.05 after Holm's "
            "adjustment for 6 tests. Not detected does not mean absent."
        ),
    )


def test_a_smaller_gap(comparison: Comparison) -> None:
    found = verdict(comparison, **{DP: around(0.4, 0.1)})
    assert found.headline == f"{LABEL} has a smaller gap in 2 of 4 comparisons."
    assert found.sentences[:3] == (
        *(
            f"Demographic parity difference at rank 1 is lower than with {reference} by 10.00 "
            "points (95 % interval 9.80 to 10.20)."
            for reference in ("Head tuning (TL)", "Plain SVD (f+SVD)")
        ),
        "In 4 of 6 comparisons no difference was detected.",
    )


def test_a_larger_gap(comparison: Comparison) -> None:
    found = verdict(comparison, **{EO: around(0.7, 0.1)})
    assert found.headline == f"{LABEL} has a larger gap in 2 of 4 comparisons."
    assert "Equalised odds difference (sum) at rank 1 is higher than" in found.sentences[0]


def test_gaps_in_both_directions(comparison: Comparison) -> None:
    found = verdict(comparison, **{DP: around(0.4, 0.1), EO: around(0.7, 0.1)})
    assert found.headline == f"{LABEL} is not consistent: some gaps are smaller, others larger."


def test_only_the_error_differs(comparison: Comparison) -> None:
    found = verdict(comparison, **{ERROR: around(1.5, 0.1)})
    assert found.headline == f"No difference in the gaps detected for {LABEL}; its error differs."
    # The error is in percent already.
    assert "Err at rank 1 is higher than with Head tuning (TL) by 1.00 points" in found.sentences[0]


def test_one_seed(comparison: Comparison) -> None:
    cells = {cell: {DP: [0.1]} for cell in (OURS, TL)}
    found = give_verdict(with_values(comparison, cells))
    assert found.headline == "One seed: nothing can be concluded."
    assert "--seeds 10" in found.sentences[0]


@pytest.mark.parametrize("cells", [[OURS], [OURS, ("plain-svd", 2)], [TL, SVD]])
def test_no_reference(comparison: Comparison, cells: list) -> None:
    found = give_verdict(with_values(comparison, {cell: steady(0.5) for cell in cells}))
    assert found.headline == f"{LABEL} was not compared with a reference."
    assert "neutralized, head-tuning and plain-svd" in found.sentences[0]


def test_every_rank_is_compared_with_its_own(comparison: Comparison) -> None:
    cells = {cell: steady(0.5) for cell in (OURS, ("neutralized", 2), TL, SVD, ("plain-svd", 2))}
    assert "for 12 tests" in give_verdict(with_values(comparison, cells)).sentences[-1]


class TestHolm:
    """p-values are adjusted for all tests of the verdict together."""

    @staticmethod
    def values_with_p(p: float) -> list[float]:
        """Differences from 0.5 whose paired test over three seeds has a p-value near ``p``."""
        low, high = 1e-6, 1e6
        for _ in range(200):
            middle = math.sqrt(low * high)
            values = [0.5 + 0.1 + middle * noise for noise in (-0.01, 0.0, 0.01)]
            if paired_difference(values, [0.5] * 3).p_value < p:
                low = middle
            else:
                high = middle
        return values

    def verdict(self, comparison: Comparison, p: float) -> Verdict:
        """Two tests, whose p-values are ``p`` and one near 1."""
        ours = {DP: self.values_with_p(p), EO: [0.4, 0.5, 0.6], ERROR: [math.nan] * 3}
        return give_verdict(
            with_values(comparison, {OURS: ours, TL: dict.fromkeys(ours, [0.5] * 3)})
        )

    @pytest.mark.parametrize(("p", "detected"), [(0.02, True), (0.024, True), (0.026, False)])
    def test_the_smallest_of_two_must_be_below_half_the_level(
        self, comparison: Comparison, p: float, detected: bool
    ) -> None:
        found = self.verdict(comparison, p)
        assert "for 2 tests" in found.sentences[-1]
        assert ("larger gap in 1 of 2" in found.headline) == detected

    def test_a_test_alone_is_not_adjusted(self, comparison: Comparison) -> None:
        undefined = [math.nan] * 3
        ours = {DP: self.values_with_p(0.049), EO: undefined, ERROR: undefined}
        values = {OURS: ours, TL: dict.fromkeys(ours, [0.5] * 3)}
        found = give_verdict(with_values(comparison, values))
        assert found.headline.endswith("has a larger gap in 1 of 1 comparisons.")


class TestDifference:
    def test_is_paired_by_seed(self, comparison: Comparison) -> None:
        ours, theirs = [0.3, 0.5, 0.2], [0.1, 0.2, 0.3]
        values = with_values(comparison, {OURS: {DP: ours}, TL: {DP: theirs}})
        assert difference(values, OURS, TL, DP) == paired_difference(ours, theirs)

    def test_leaves_out_seeds_where_one_is_undefined(self, comparison: Comparison) -> None:
        ours, theirs = [0.3, math.nan, 0.2, 0.4], [0.1, 0.2, math.nan, 0.3]
        values = with_values(comparison, {OURS: {DP: ours}, TL: {DP: theirs}})
        assert difference(values, OURS, TL, DP) == paired_difference([0.3, 0.4], [0.1, 0.3])

    def test_is_none_where_no_seed_has_both(self, comparison: Comparison) -> None:
        values = {OURS: {DP: [0.3, math.nan]}, TL: {DP: [math.nan, 0.2]}}
        assert difference(with_values(comparison, values), OURS, TL, DP) is None


class TestReferenceCells:
    @pytest.mark.parametrize(
        ("cell", "references"),
        [
            (("neutralized", 1), [TL, SVD]),
            (("neutralized", 2), [TL, ("plain-svd", 2)]),
            (("plain-svd", 2), [TL]),
            (("pretrained", None), [TL]),
            (TL, []),
        ],
    )
    def test_are_tl_and_svd_of_the_same_rank(
        self, comparison: Comparison, cell, references
    ) -> None:
        assert list(reference_cells(comparison, cell)) == references
