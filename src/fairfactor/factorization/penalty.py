"""The penalty on bias directions, in the coordinates of the input metric."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError
from fairfactor.factorization.arguments import checked_companion
from fairfactor.factorization.metric import MetricRoot


@dataclass(frozen=True)
class BiasPenalty:
    """The matrix ``K^-½`` of ``K = I + λ E Eᵀ``, with ``E = R⁻¹ Δ`` and ``M = R Rᵀ``.

    The penalised metric is ``M + λ Δ Δᵀ = R K Rᵀ``. With the thin singular value decomposition
    ``E = Q diag(σ) Pᵀ``, ``K^-½ = I - Q diag(1 - 1 / √(1 + λ σ²)) Qᵀ``: nothing cancels for a large
    λ, and λ = ∞ is the projection ``I - Q Qᵀ``.

    Attributes:
        basis: ``Q``, shape (in, c), orthonormal columns.
        removed: ``1 - 1 / √(1 + λ σ²)``, shape (c,), in [0, 1].
    """

    basis: Tensor
    removed: Tensor

    def shrink(self, rows: Tensor) -> Tensor:
        """Return ``rows @ K^-½``."""
        return rows - ((rows @ self.basis) * self.removed) @ self.basis.T


def bias_penalty(
    directions: Tensor | None, strength: float, weight: Tensor, input_root: MetricRoot
) -> BiasPenalty:
    """Put bias directions and their strength into the coordinates of the input metric.

    Args:
        directions: ``Δ``, shape (in, c) or (in,), or None.
        strength: ``λ`` ≥ 0; infinity erases the directions.
        weight: The checked weight.
        input_root: The root ``R`` of the input metric.

    Returns:
        The penalty; without directions it shrinks nothing.

    Raises:
        ArgumentError: If the directions have another shape, or the strength is negative, NaN, or
            positive without directions.
    """
    if math.isnan(strength) or strength < 0:
        raise ArgumentError("strength", strength, "a number from 0 to infinity", "0 means none.")
    size = weight.shape[1]
    if directions is None:
        if strength > 0:
            raise ArgumentError(
                "strength",
                strength,
                "0 when there are no directions",
                "Pass directions, such as the differences of the groups' mean inputs.",
            )
        return BiasPenalty(weight.new_zeros(size, 0), weight.new_zeros(0))
    accepted = f"a matrix of shape ({size}, number of directions) or a vector of shape ({size},)"
    checked = checked_companion(
        directions, "directions", weight, accepted=accepted, shapes=[(size,), (size, -1)]
    ).reshape(size, -1)
    # Differences from an overall mean are linearly dependent. Infinite strength would erase their
    # rounding error as if it were a direction, so the rank is settled before the metric comes in.
    vectors, lengths, _ = torch.linalg.svd(checked, full_matrices=False)
    rounding = max(checked.shape) * torch.finfo(directions.dtype).eps
    kept = lengths > rounding * checked.norm()
    independent = vectors[:, kept] * lengths[kept]
    basis, sizes, _ = torch.linalg.svd(input_root.whiten(independent.T).T, full_matrices=False)
    removed = 1 - (1 + strength * sizes.square()).rsqrt()
    return BiasPenalty(basis, removed)
