"""The gap that a classifier of equal rates shows by chance, because groups have few rows."""

from __future__ import annotations

import numpy as np

from fairfactor.fairness import METRICS, ConfusionCounts

_DRAWS = 500


def odds_by_chance(counts: ConfusionCounts, *, seed: int = 0) -> float:
    """Mean worst-case equalised odds difference if every group had the rates of all rows.

    Args:
        counts: Counts of a classifier on test rows.
        seed: Seed of the draws.

    Returns:
        Mean over draws of the predictions of each group and true class from P(predicted | true).
    """
    generator = np.random.default_rng(seed)
    together = counts.cells.sum(axis=0)
    rates = together / together.sum(axis=1, keepdims=True)
    actual = np.broadcast_to(counts.actual, (_DRAWS, *counts.actual.shape))
    drawn = ConfusionCounts(generator.multinomial(actual, rates), counts.group_names)
    return float(METRICS["equalized_odds_difference_worst_case"](drawn).mean())
