"""Best rank-r approximation of a matrix (Eckart-Young), as a product of two thin matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from fairfactor.factorization.randomized import excess_energy_bound, leading_left_vectors

Method = Literal["auto", "exact", "randomized"]

RANDOMIZED_FROM = 2048
"""Smaller side from which "auto" is randomised: below it the exact way takes about a second."""

RANDOMIZED_SHARE = 8
"""Largest rank for which "auto" is randomised: the smaller side divided by this."""

FIRST_SHARE = 32
"""How many components are tried first where any number may be asked for: the side over this."""


@dataclass(frozen=True)
class Truncation:
    """``[C]_r = left @ right``, one singular component per column and row.

    Attributes:
        left: Shape (out, r).
        right: Shape (r, in).
        left_has_values: Whether ``left`` holds the singular values, and ``right`` is orthonormal;
            otherwise the other way round.
        singular_values: All singular values, descending; of a randomised truncation the first r.
        norm: ``‖C‖``, of all singular values.
        excess_energy: By how much the squared error may exceed the best, a fraction of ``‖C‖²``; 0
            if exact.
        method: How it was computed.
    """

    left: Tensor
    right: Tensor
    left_has_values: bool
    singular_values: Tensor
    norm: float
    excess_energy: float
    method: Literal["exact", "randomized"]


def truncate(matrix: Tensor, rank: int, method: Method = "exact") -> Truncation:
    """Truncate the singular value decomposition ``C = U S Vᵀ`` to its first r components.

    The factors are written as a projection, ``U_r (U_rᵀ C)`` for a wide matrix and
    ``(C V_r) V_rᵀ`` for a tall one. At full rank ``U`` (or ``V``) is square and orthogonal, so the
    product is ``C`` entry by entry, also where the entries are much smaller than the rounding error
    of the largest singular value: that is where a metric says that nothing matters.

    Args:
        matrix: ``C``, shape (out, in).
        rank: Number of components r.
        method: "exact" computes all components; "randomized" only the first r, approximately, with
            an error bound; "auto" chooses by size.

    Returns:
        The factors and what is known about them.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    wide = matrix.T if tall else matrix
    side = wide.shape[0]
    if method == "auto":
        method = "randomized" if rank <= leading_ranks(side)[-2] < side else "exact"
    if method == "randomized":
        basis, singular_values = leading_left_vectors(wide, rank)
        excess = excess_energy_bound(wide, basis, singular_values)
        norm = float(wide.norm())
    else:
        basis, singular_values, _ = torch.linalg.svd(wide, full_matrices=False)
        norm, excess = float(singular_values.norm()), 0.0
    basis = basis[:, :rank]
    left, right = (wide.T @ basis, basis.T) if tall else (basis, basis.T @ wide)
    return Truncation(left, right, tall, singular_values, norm, excess, method)


def leading_ranks(side: int) -> tuple[int, ...]:
    """Return how many components to compute where any number of them may be asked for.

    The work of the random way is proportional to them: a few are tried first, then as many as it is
    worth while for, then all.

    Args:
        side: The smaller side of the matrix.

    Returns:
        Ascending numbers, the last one ``side``; all are ``side`` for a small matrix.
    """
    if side < RANDOMIZED_FROM:
        return (side, side)
    return (side // FIRST_SHARE, side // RANDOMIZED_SHARE, side)
