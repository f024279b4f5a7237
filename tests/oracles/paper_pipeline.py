"""Boxes 1 to 4 as the paper writes them (arXiv 2403.00625, section 3), dense and in float64.

Everything is in the paper's own convention: Z = X W + b, X is (samples × d), W is (d × k), b is
(k,). Nothing is shared with the package.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sample_gradient(x: Array, y: int, W: Array, b: Array) -> Array:
    """Gradient of -log softmax(x W + b)[y] with respect to W, shape (d, k)."""
    z = x @ W + b
    p = np.exp(z - z.max())
    p /= p.sum()
    p[y] -= 1
    return np.outer(x, p)


def empirical_fisher(X: Array, y: NDArray[np.int64], W: Array, b: Array) -> Array:
    """Eq. 1: the mean over samples of the squared gradient of each sample, shape (d, k)."""
    total = np.zeros_like(W)
    for x, label in zip(X, y, strict=True):
        total += sample_gradient(x, int(label), W, b) ** 2
    return total / len(X)


def root_importance(fisher: Array) -> Array:
    """Diagonal of Î: the square roots of the row sums of the Fisher information, shape (d,)."""
    return np.sqrt(fisher.sum(axis=1))


def neutralised_importance(roots: list[Array], alpha: float | None = None) -> Array:
    """Eq. 2 and its ablation: α Î_1 + (1 - α) Î_2; without α the mean over all groups."""
    if alpha is None:
        return sum(roots[1:], start=roots[0]) / len(roots)
    first, second = roots
    return alpha * first + (1 - alpha) * second


def weighted_factors(W: Array, importance: Array, rank: int) -> tuple[Array, Array]:
    """Eq. 4: SVD of Î_N W = U S Vᵀ; A = Î_N⁻¹ U_r S_r (d × r) and B = V_rᵀ (r × k)."""
    U, S, Vt = np.linalg.svd(np.diag(importance) @ W, full_matrices=False)
    A = np.linalg.inv(np.diag(importance)) @ U[:, :rank] @ np.diag(S[:rank])
    return A, Vt[:rank]


def replaced_layer(
    X: Array,
    y: NDArray[np.int64],
    groups: NDArray[np.int64],
    W: Array,
    b: Array,
    rank: int,
    *,
    alpha: float | None = None,
    floor: float = 0.0,
) -> tuple[Array, Array]:
    """A and B of the two layers that take the place of W, before training.

    The paper has no floor; where a unit never fires its Î_N⁻¹ is undefined. With one, the diagonal
    of Î_N is at least that fraction of its largest entry.
    """
    roots = [
        root_importance(empirical_fisher(X[groups == code], y[groups == code], W, b))
        for code in range(groups.max() + 1)
    ]
    importance = neutralised_importance(roots, alpha)
    return weighted_factors(W, np.maximum(importance, floor * importance.max()), rank)
