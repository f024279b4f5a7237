"""Which errors and gaps any classifier at all could have on a table of labels and two groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

_STEPS = 400


def smallest_error(shares: NDArray[np.float64], *, parity: float, odds: float) -> float:
    """The smallest Err of any predictions whose gaps are no larger than given ones.

    Predictions of two groups and classes are four rates, TPR_s and FPR_s. Their gaps
    |Σ_y P(y | s) rate| and |TPR₀ − TPR₁| + |FPR₀ − FPR₁| are convex, and the weighted F1 is a
    function of t = Σ_s P(1, s) TPR_s, in which it rises, and of f = Σ_s P(0, s) FPR_s, in which it
    falls. So the smallest f for each t, a linear program, gives the smallest Err. It may know every
    true label and group: no classifier can have less.

    Args:
        shares: P(y, s), shape (2 classes, 2 groups), with sum 1.
        parity: Largest demographic parity difference, 0 to 1.
        odds: Largest sum of the gaps in true and false positive rates, 0 to 2.

    Returns:
        Err = 100 − 100 · weighted F1, in percent.
    """
    positive = float(shares[1].sum())
    best = 0.0
    for t in np.linspace(0, positive, _STEPS + 1):
        f = _fewest_false_positives(shares, t, parity, odds)
        if f is not None:
            best = max(best, _weighted_f1(positive, t, f))
    return float(100 - 100 * best)


def _fewest_false_positives(
    shares: NDArray[np.float64], t: float, parity: float, odds: float
) -> float | None:
    """The smallest f for a t; ``None`` if no rates have these gaps."""
    conditional = shares / shares.sum(axis=0)
    # Variables: TPR of both groups, FPR of both groups, and the two gaps that odds bounds.
    selected = np.array([*conditional[1], *conditional[0], 0, 0]) * [1, -1, 1, -1, 0, 0]
    rows, bounds = [[0.0, 0, 0, 0, 1, 1]], [odds]
    for sign in (1, -1):
        rows += [
            (sign * selected).tolist(),
            [sign, -sign, 0, 0, -1, 0],
            [0, 0, sign, -sign, 0, -1],
        ]
        bounds += [parity, 0, 0]
    found = linprog(
        [0, 0, *shares[0], 0, 0],
        A_ub=rows,
        b_ub=bounds,
        A_eq=[[*shares[1], 0, 0, 0, 0]],
        b_eq=[t],
        bounds=[(0, 1)] * 6,
    )
    return float(found.fun) if found.success else None


def _weighted_f1(positive: float, t: float, f: float) -> float:
    """P(1) F1 of the positive class + P(0) F1 of the other."""
    negative = 1 - positive
    first = 2 * t / (t + f + positive)
    second = 2 * (negative - f) / (2 * negative - f + positive - t)
    return positive * first + negative * second
