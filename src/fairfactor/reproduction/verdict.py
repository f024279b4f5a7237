"""Whether a number or a claim of the paper reproduces, by a rule stated beforehand.

**A number.** D is our mean minus the paper's, with its 95 % interval (Welch's where the paper gives
a standard deviation over its 10 runs, else that of our mean alone). The paper reports the same
configuration three times, with Err 15.83 to 16.83, ΔDP 0.168 to 0.180 and ΔEO 0.197 to 0.210: its
own noise. So a number

- *reproduces* if the whole interval of D lies within ±0.5 (Err) or ±0.02 (gaps),
- *does not reproduce* if the whole interval lies outside,
- *cannot be decided* otherwise.

**A claim** says that something changes a metric by c (the difference of two of the paper's means).
Ours is the paired difference over seeds with its 95 % interval. It *reproduces* if the whole
interval lies beyond c / 2, in the direction of c; it *does not* if the whole interval falls short
of c / 2; otherwise it *cannot be decided*.

Each interval is right 19 times in 20, so of many verdicts a few are wrong by chance; a wrong
"reproduces" or "does not reproduce" needs an interval that misses on one side, 1 time in 40.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fairfactor.errors import ArgumentError
from fairfactor.intervals import Interval, mean_interval, paired_difference, welch_difference
from fairfactor.reproduction.paper import RUNS, PaperNumber

Verdict = Literal["reproduces", "does not reproduce", "cannot be decided"]

TOLERANCE = {
    "paper_error": 0.5,
    "demographic_parity_difference": 0.02,
    "equalized_odds_difference_sum": 0.02,
}
"""By metric: how far the paper's own numbers for one configuration lie apart, roughly."""


@dataclass(frozen=True)
class Judgement:
    """A difference to what the paper says, and what follows from it.

    Attributes:
        difference: Ours minus the paper's (a number), or the change that we see (a claim).
        verdict: By the rule of this module.
    """

    difference: Interval
    verdict: Verdict


def judge_number(values: Sequence[float], paper: PaperNumber, metric: str) -> Judgement:
    """Compare our values over seeds with a number of the paper.

    Args:
        values: One for each seed.
        paper: The paper's number.
        metric: Explicit name of the metric, which has the tolerance.

    Returns:
        The judgement.
    """
    if paper.sd is None:
        difference = mean_interval([value - paper.mean for value in values])
    else:
        difference = welch_difference(values, paper.mean, paper.sd, RUNS)
    return Judgement(difference, within(difference, TOLERANCE[metric]))


def within(difference: Interval, tolerance: float) -> Verdict:
    """The verdict on a difference that should be near zero.

    Args:
        difference: The difference.
        tolerance: How far from zero still counts as the same.

    Returns:
        The verdict, from the whole interval.
    """
    if -tolerance <= difference.low and difference.high <= tolerance:
        return "reproduces"
    if difference.low > tolerance or difference.high < -tolerance:
        return "does not reproduce"
    return "cannot be decided"


def judge_claim(first: Sequence[float], second: Sequence[float], claimed: float) -> Judgement:
    """Compare a change that we see with the one that the paper claims.

    Args:
        first: Values of what is said to be changed, one for each seed.
        second: Values of what it is compared with, on the same seeds.
        claimed: The paper's first minus its second.

    Returns:
        The judgement; its difference is first minus second.

    Raises:
        ArgumentError: If no change is claimed.
    """
    if claimed == 0 or not math.isfinite(claimed):
        raise ArgumentError("claimed", claimed, "a change")
    difference = paired_difference(first, second)
    ends = [end * math.copysign(1, claimed) for end in (difference.low, difference.high)]
    half = abs(claimed) / 2
    if min(ends) > half:
        return Judgement(difference, "reproduces")
    if max(ends) < half:
        return Judgement(difference, "does not reproduce")
    return Judgement(difference, "cannot be decided")
