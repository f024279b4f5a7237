"""Which rows a fit uses, in which order and how often."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Positions = NDArray[np.int64]

MOST_COPIES = 10
"""Whole numbers as weights mean so many copies of a row, up to this many for the average row."""


def own_order(frame: pd.DataFrame, codes: Positions) -> Positions:
    """Put rows in an order that depends on their values alone.

    What follows (the split, batches, sums in floating point) then is the same however the rows of
    a table were ordered.

    Args:
        frame: The inputs.
        codes: A number for each row, which comes first in the order.

    Returns:
        Row positions, each once.
    """
    objects = [name for name in frame.columns if frame[name].dtype == object]
    hashable = frame.astype(dict.fromkeys(objects, str))
    hashed = pd.util.hash_pandas_object(hashable, index=False, categorize=False).to_numpy()
    order: Positions = np.lexsort((hashed, codes))
    return order


def repeated(positions: Positions, weights: NDArray[np.float64], seed: int) -> Positions:
    """Repeat each row about as often as its weight says, n w / Σ w times of n rows.

    Weights that are whole numbers mean exactly so many copies, if there are not too many of them.
    Otherwise as many rows as before are drawn by systematic sampling: a row with expectation e is
    there ⌊e⌋ or ⌈e⌉ times, e on average over seeds.

    Args:
        positions: Row positions.
        weights: w of these rows, not negative.
        seed: Seed of the sampling.

    Returns:
        Row positions, some repeated and some missing.
    """
    total = float(weights.sum())
    if (weights == np.round(weights)).all() and total <= MOST_COPIES * len(weights):
        return np.repeat(positions, weights.astype(np.int64))
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(positions))
    points = (np.arange(len(positions)) + generator.random()) * total / len(positions)
    ends = np.cumsum(weights[order])
    drawn = np.searchsorted(ends, points, side="right").clip(max=len(positions) - 1)
    kept: Positions = positions[np.sort(order[drawn])]
    return kept
