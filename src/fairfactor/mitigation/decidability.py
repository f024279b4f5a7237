"""Whether the rows at hand can tell that a bound on a gap is kept at all."""

from __future__ import annotations

import numpy as np

from fairfactor.fairness import ConfusionCounts
from fairfactor.mitigation.constraint import Constraint

_INDEPENDENT_OF_LABEL = frozenset({"demographic_parity"})
_GIVEN_LABEL = frozenset(
    {
        "equalized_odds",
        "equalized_odds_mean",
        "equalized_odds_sum",
        "equal_opportunity",
        "rms_true_positive_rate",
        "false_positive_rate",
    }
)


def smallest_decidable_bound(
    constraint: Constraint,
    counts: ConfusionCounts,
    confidence: float,
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> float | None:
    """The gap that decisions without any gap stay below with a given probability.

    Decisions are drawn anew for the rows that there are, with the same probabilities in every
    group: those of the decision given the label, P(d | y), or for demographic parity P(d), pooled
    over the groups. The gap of such draws is sampling noise alone. A bound below its quantile
    cannot be decided: even a rule that keeps it perfectly would fail to show so, and a rule that
    does show so was lucky. The small groups decide: with n rows a rate of ½ has a standard error
    of 1 / (2 √n).

    Args:
        constraint: What was asked.
        counts: Confusion counts of one data set, of a rule like the one that is looked for.
        confidence: Probability with which the gap stays below.
        replicates: Number of draws.
        seed: Seed of the draws.

    Returns:
        The quantile of the gap, infinite if it may be undefined; ``None`` for a constraint on no
        gap.
    """
    if constraint.metric not in _INDEPENDENT_OF_LABEL | _GIVEN_LABEL:
        return None
    pooled = counts.cells.sum(axis=0).astype(np.float64)  # (labels, decisions)
    if constraint.metric in _INDEPENDENT_OF_LABEL:
        pooled = np.broadcast_to(pooled.sum(axis=0), pooled.shape)
    totals = pooled.sum(axis=1, keepdims=True)
    chances = np.divide(pooled, totals, out=np.zeros_like(pooled), where=totals > 0)
    chances[totals[:, 0] == 0, 0] = 1  # nothing is drawn for a label without rows
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(counts.actual, chances, size=(replicates, *counts.actual.shape))
    gaps = constraint.value(ConfusionCounts(drawn, counts.group_names))
    gaps = np.where(np.isnan(gaps), np.inf, gaps)
    return float(np.quantile(gaps, confidence, method="inverted_cdf"))
