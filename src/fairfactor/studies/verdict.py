"""The verdict of a comparison in plain words, by a rule stated beforehand.

For the method in question, at each rank, and for each headline metric, the paired differences to
head tuning (TL) and to plain SVD (f+SVD) of the same rank are tested over seeds. Holm's adjustment
covers all of these tests together; only an adjusted p-value below 0.05 is called a difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from fairfactor.intervals import Interval, holm, paired_difference
from fairfactor.methods import METHODS
from fairfactor.studies.comparison import Comparison
from fairfactor.studies.seed_run import Cell

SIGNIFICANCE = 0.05
HEADLINE_METRICS = {
    "paper_error": "Err",
    "demographic_parity_difference": "Demographic parity difference",
    "equalized_odds_difference_sum": "Equalised odds difference (sum)",
}
REFERENCES = ("head-tuning", "plain-svd")


@dataclass(frozen=True)
class Verdict:
    """What a reader should take away.

    Attributes:
        headline: One sentence.
        sentences: The reasons, one sentence each.
    """

    headline: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Test:
    """One paired difference, cell minus reference."""

    cell: Cell
    reference: Cell
    metric: str
    difference: Interval


def difference(comparison: Comparison, cell: Cell, reference: Cell, metric: str) -> Interval | None:
    """Paired difference of a metric between two cells over the seeds where both are defined.

    Args:
        comparison: A finished comparison.
        cell: Method and rank.
        reference: The method and rank to subtract.
        metric: Explicit name of the metric.

    Returns:
        The interval of cell − reference, or ``None`` if no seed has both.
    """
    pairs = [
        (a, b)
        for a, b in zip(
            comparison.values(cell, metric), comparison.values(reference, metric), strict=True
        )
        if math.isfinite(a - b)
    ]
    if not pairs:
        return None
    return paired_difference([a for a, _ in pairs], [b for _, b in pairs])


def reference_cells(comparison: Comparison, cell: Cell) -> Iterator[Cell]:
    """The cells that a cell is compared with: TL, and f+SVD at its rank.

    Args:
        comparison: A comparison.
        cell: Method and rank.

    Yields:
        Those references that were run, without the cell itself.
    """
    for name in REFERENCES:
        reference = (name, cell[1] if METHODS[name].weighting else None)
        if reference in comparison.cells and reference != cell:
            yield reference


def give_verdict(comparison: Comparison, method: str = "neutralized") -> Verdict:
    """Say whether a method changed error or gaps, against TL and f+SVD.

    Args:
        comparison: A finished comparison.
        method: The method that the verdict is about.

    Returns:
        The verdict; it says so if there is nothing to compare or no repetition.
    """
    tests = list(_tests(comparison, method))
    label = METHODS[method].label
    if not tests:
        return Verdict(
            f"{label} was not compared with a reference.",
            (f"Run the methods {method}, {' and '.join(REFERENCES)} together for a verdict.",),
        )
    if comparison.config.seeds == 1:
        return Verdict(
            "One seed: nothing can be concluded.",
            ("Differences are reported, but none can be told from noise. Use --seeds 10.",),
        )
    adjusted = holm([test.difference.p_value for test in tests])
    detected = [test for test, p in zip(tests, adjusted, strict=True) if p < SIGNIFICANCE]
    gaps = [test for test in detected if test.metric != "paper_error"]
    if not detected:
        headline = f"No difference in the error or the gaps detected for {label}."
    elif not gaps:
        headline = f"No difference in the gaps detected for {label}; its error differs."
    elif all(test.difference.mean < 0 for test in gaps):
        headline = f"{label} has a smaller gap in {len(gaps)} of {_gap_tests(tests)} comparisons."
    elif all(test.difference.mean > 0 for test in gaps):
        headline = f"{label} has a larger gap in {len(gaps)} of {_gap_tests(tests)} comparisons."
    else:
        headline = f"{label} is not consistent: some gaps are smaller, others larger."
    return Verdict(headline, tuple(_sentences(tests, detected, comparison.config.seeds)))


def _tests(comparison: Comparison, method: str) -> Iterator[Test]:
    for cell in (cell for cell in comparison.cells if cell[0] == method):
        for reference in reference_cells(comparison, cell):
            for metric in HEADLINE_METRICS:
                interval = difference(comparison, cell, reference, metric)
                if interval is not None:
                    yield Test(cell, reference, metric, interval)


def _gap_tests(tests: list[Test]) -> int:
    return sum(test.metric != "paper_error" for test in tests)


def _sentences(tests: list[Test], detected: list[Test], seeds: int) -> Iterator[str]:
    """The detected differences, what was not detected, and the rule."""
    for test in detected:
        direction = "lower" if test.difference.mean < 0 else "higher"
        rank = f" at rank {test.cell[1]}" if test.cell[1] else ""
        yield (
            f"{HEADLINE_METRICS[test.metric]}{rank} is {direction} than with "
            f"{METHODS[test.reference[0]].label} by {_size(test)}."
        )
    undetected = len(tests) - len(detected)
    if undetected:
        yield f"In {undetected} of {len(tests)} comparisons no difference was detected."
    yield (
        f"A difference counts if its paired test over {seeds} seeds is below {SIGNIFICANCE} after "
        f"Holm's adjustment for {len(tests)} tests. Not detected does not mean absent."
    )


def _size(test: Test) -> str:
    """The size of a difference with its interval, in percentage points."""
    scale = 1 if test.metric == "paper_error" else 100
    mean, low, high = (
        abs(scale * value)
        for value in (test.difference.mean, test.difference.low, test.difference.high)
    )
    return f"{mean:.2f} points (95 % interval {min(low, high):.2f} to {max(low, high):.2f})"
