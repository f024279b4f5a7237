"""The most accurate randomised classifier under bounds on gaps, as a linear programme."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from scipy.optimize import linprog


def joint_rates(decisions, row_probability, cells, hits, events):
    """r_ks = E[A_k[d, y] | B_k[y] = 1, s] for decisions d(c | x), by explicit sums."""
    rows, n_classes, n_groups = cells.shape
    rates = np.zeros((len(hits), n_groups))
    for k, s in product(range(len(hits)), range(n_groups)):
        mass = hit = 0.0
        for x, y in product(range(rows), range(n_classes)):
            p = row_probability[x] * cells[x, y, s]
            mass += events[k][y] * p
            hit += sum(decisions[x, c] * hits[k][c, y] * p for c in range(n_classes))
        rates[k, s] = hit / mass
    return rates


def best_accuracy(row_probability, cells, hits, events, tolerance=None, floor=None):
    """Largest accuracy of any randomised classifier with gaps ≤ tolerance, or rates ≥ floor."""
    rows, n_classes, n_groups = cells.shape
    size = rows * n_classes
    gain = (row_probability[:, None] * cells.sum(axis=2)).ravel()
    rate = np.zeros((len(hits), n_groups, size))
    for index in range(size):
        one = np.zeros(size)
        one[index] = 1
        rate[:, :, index] = joint_rates(
            one.reshape(rows, n_classes), row_probability, cells, hits, events
        )
    constraints, bounds = [], []
    for k in range(len(hits)):
        if floor is not None:
            constraints += [-rate[k, s] for s in range(n_groups)]
            bounds += [-floor] * n_groups
            continue
        for s, t in combinations(range(n_groups), 2):
            constraints += [rate[k, s] - rate[k, t], rate[k, t] - rate[k, s]]
            bounds += [tolerance] * 2
    result = linprog(
        -gain,
        A_ub=np.array(constraints),
        b_ub=bounds,
        A_eq=np.kron(np.eye(rows), np.ones(n_classes)),
        b_eq=np.ones(rows),
        bounds=(0, 1),
    )
    assert result.success
    return -result.fun
