"""Low-rank factors under one weight per element, for which no closed form exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError
from fairfactor.factorization.arguments import checked_companion, checked_rank, checked_weight
from fairfactor.factorization.closed_form import column_signs, factorize
from fairfactor.factorization.factors import Factors
from fairfactor.factorization.truncation import truncate

Pair = tuple[Tensor, Tensor]


def elementwise_weighted(
    weight: Tensor,
    rank: int,
    importance: Tensor,
    *,
    method: Literal["als", "em"] = "als",
    iterations: int = 200,
    tolerance: float = 1e-8,
) -> Factors:
    """Minimise ``Σ_ij F_ij (W_ij - T_ij)²`` over ``T`` of rank at most r, locally.

    With the Fisher information of every weight for ``F`` this is TFWSVD (Hua et al. 2022). It
    differs from `factorize` only if ``F`` is not a product of an input and an output importance;
    the Fisher of a binary softmax head always is one.

    The start is the closed form for ``F_ij ≈ Σ_j F_ij Σ_i F_ij / Σ_ij F_ij``, which is the global
    minimum if ``F`` has rank one. No iteration raises the objective:

    - "als" solves for ``up`` with ``down`` held, then the reverse: one r x r system per row or
      column, O(out · in · r²). What the weights do not determine is left as it was.
    - "em" is ``T ← [w ∘ W + (1 - w) ∘ T]_r`` with ``w = F / max F`` (Srebro and Jaakkola 2003): one
      SVD per iteration, and many iterations if the importances differ widely.

    Args:
        weight: ``W``, shape (out, in).
        rank: Number of components r, from 1 to min(out, in).
        importance: ``F``, shape (out, in), not negative.
        method: "als" or "em".
        iterations: Largest number of iterations.
        tolerance: Stop when an iteration lowers the objective by less than this fraction of it.

    Returns:
        The factors with ``objective_history``, split as "input": ``up`` has orthonormal columns.

    Raises:
        ArgumentError: If an argument has the wrong shape, range or type; the message names it.
    """
    if method not in ("als", "em"):
        raise ArgumentError("method", method, "'als' or 'em'")
    if iterations < 1:
        raise ArgumentError("iterations", iterations, "a positive number")
    if not tolerance >= 0:
        raise ArgumentError("tolerance", tolerance, "a number that is not negative")
    W = checked_weight(weight)
    r = checked_rank(rank, (W.shape[0], W.shape[1]))
    F = _checked_importance(importance, W)
    start = factorize(W, r, input_metric=F.sum(0), output_metric=F.sum(1), method="exact")
    improve = _alternate if method == "als" else _complete
    (up, down), history = _descend((start.up, start.down), W, F, improve, iterations, tolerance)
    left, right, values = _orthonormal(up, down)
    signs = column_signs(left)
    return Factors(
        down=(right * signs[:, None]).to(weight),
        up=(left * signs).to(weight),
        bias_correction=None,
        singular_values=values,
        method=method,
        norm=None,
        excess_energy=None,
        objective_history=history,
    )


def _checked_importance(importance: Tensor, W: Tensor) -> Tensor:
    """Return the importance in float64."""
    accepted = f"a non-negative matrix of shape {tuple(W.shape)}"
    F = checked_companion(
        importance, "importance", W, accepted=accepted, shapes=[(W.shape[0], W.shape[1])]
    )
    if float(F.min()) < 0:
        raise ArgumentError("importance", f"an entry of {float(F.min()):.3g}", accepted)
    if float(F.max()) == 0:
        raise ArgumentError("importance", "all zeros", "at least one positive entry")
    return F


def _descend(
    start: Pair,
    W: Tensor,
    F: Tensor,
    improve: Callable[[Pair, Tensor, Tensor], Pair],
    iterations: int,
    tolerance: float,
) -> tuple[Pair, tuple[float, ...]]:
    """Return the best pair and the objective from the start to it."""
    best = start
    history = [_objective(start, W, F)]
    for _ in range(iterations):
        candidate = improve(best, W, F)
        objective = _objective(candidate, W, F)
        if objective > history[-1]:  # only rounding can raise it: the minimum is reached
            break
        best = candidate
        history.append(objective)
        if history[-2] - objective <= tolerance * history[-2]:
            break
    return best, tuple(history)


def _objective(pair: Pair, W: Tensor, F: Tensor) -> float:
    """Return ``Σ_ij F_ij (W - up @ down)_ij²``."""
    up, down = pair
    return float((F * (W - up @ down).square()).sum())


def _alternate(pair: Pair, W: Tensor, F: Tensor) -> Pair:
    """Return the pair after one round of alternating least squares."""
    up, down = pair
    up = _solve_rows(up, down, W, F)
    down = _solve_rows(down.T, up.T, W.T, F.T).T
    return up, down


def _solve_rows(up: Tensor, down: Tensor, W: Tensor, F: Tensor) -> Tensor:
    """Return the ``up`` that minimises the objective for this ``down``, nearest to the given one.

    Row i solves ``G_i Δ_i = down (F_i ∘ residual_i)`` with ``G_i = down diag(F_i) downᵀ``.
    """
    rank = down.shape[0]
    products = (down[:, None] * down[None]).reshape(rank * rank, -1)
    grams = (F @ products.T).reshape(-1, rank, rank)
    residual = (F * (W - up @ down)) @ down.T
    # The pseudo-inverse leaves a row alone in the directions that no weight determines.
    inverses: Tensor = torch.linalg.pinv(grams, rtol=1e-12, hermitian=True)
    return up + (inverses @ residual[..., None])[..., 0]


def _complete(pair: Pair, W: Tensor, F: Tensor) -> Pair:
    """Return the pair after one EM iteration; the largest weight is 1."""
    up, down = pair
    product = up @ down
    truncation = truncate(product + F / F.max() * (W - product), up.shape[1])
    return truncation.left, truncation.right


def _orthonormal(up: Tensor, down: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``U``, ``S Vᵀ`` and ``S`` of the product ``up @ down``."""
    basis, triangle = torch.linalg.qr(up)
    U, S, Vh = torch.linalg.svd(triangle @ down, full_matrices=False)
    return basis @ U, S[:, None] * Vh, S
