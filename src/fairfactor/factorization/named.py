"""The published weightings, each as one case of `factorize`.

Every function takes the remaining arguments of `factorize` (``mean_input``, ``split``, ...) as
keywords.
"""

from __future__ import annotations

from typing import TypedDict, Unpack

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError
from fairfactor.factorization.closed_form import Split, factorize
from fairfactor.factorization.factors import Factors
from fairfactor.factorization.truncation import Method


class Options(TypedDict, total=False):
    """Arguments of `factorize` that have the same meaning in every named case."""

    mean_input: Tensor | None
    split: Split
    floor: float
    method: Method


class BiasOptions(Options, total=False):
    """Arguments of `factorize` that the bias-aware case leaves open."""

    input_metric: Tensor | None
    output_metric: Tensor | None


def plain_svd(weight: Tensor, rank: int, **options: Unpack[Options]) -> Factors:
    """Return the factors for ``M = I, N = I``: truncated SVD, the paper's baseline "f+SVD"."""
    return factorize(weight, rank, **options)


def fisher_weighted(
    weight: Tensor, rank: int, row_importance: Tensor, **options: Unpack[Options]
) -> Factors:
    """Return the factors for ``M = diag(ρ)``: FWSVD (Hsu et al. 2022).

    ``ρ``, shape (in,), is the Fisher of the weight over all groups, summed over the outputs.
    """
    return factorize(weight, rank, input_metric=row_importance, **options)


def neutralized(
    weight: Tensor, rank: int, importance: Tensor, **options: Unpack[Options]
) -> Factors:
    """Return the factors for ``M = diag(Î_N²)``: Eq. 4 of Zhang and Zhou (arXiv:2403.00625).

    ``Î_N``, shape (in,), is the neutralised importance on the root scale, from `neutralize`.

    Raises:
        ArgumentError: If an importance is negative.
    """
    if bool((importance < 0).any()):
        raise ArgumentError("importance", float(importance.min()), "no negative entries")
    # Squared in float64: Fisher roots of 1e-23 would underflow in float32.
    return factorize(weight, rank, input_metric=importance.to(torch.float64) ** 2, **options)


def activation_whitened(
    weight: Tensor, rank: int, second_moment: Tensor, **options: Unpack[Options]
) -> Factors:
    """Return the factors for ``M = E[x xᵀ]``: DRONE (Chen 2021) and SVD-LLM (Wang 2025)."""
    return factorize(weight, rank, input_metric=second_moment, **options)


def kronecker(
    weight: Tensor,
    rank: int,
    input_factor: Tensor,
    output_factor: Tensor,
    **options: Unpack[Options],
) -> Factors:
    """Return the factors for ``M = F_in, N = F_out``: GFWSVD (Chekalina et al. 2025)."""
    return factorize(
        weight, rank, input_metric=input_factor, output_metric=output_factor, **options
    )


def full_neutralized(
    weight: Tensor,
    rank: int,
    input_matrices: Tensor,
    weights: Tensor | None = None,
    **options: Unpack[Options],
) -> Factors:
    """Return the factors for ``M = Σ_s α_s R_s``, the neutralised importance in full.

    ``R_s = E_s[‖g‖² x xᵀ]`` is the input side of the Fisher of group s. Its diagonal is the row
    importance that the paper keeps of it.

    Args:
        weight: ``W``, shape (out, in).
        rank: Number of components r.
        input_matrices: ``R_s``, shape (G, in, in).
        weights: ``α_s``, shape (G,), not negative; None is 1 / G each.
        **options: Further arguments of `factorize`.

    Returns:
        The factors.
    """
    metric = neutralized_input_matrix(input_matrices, weights)
    return factorize(weight, rank, input_metric=metric, **options)


def neutralized_input_matrix(input_matrices: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return ``Σ_s α_s R_s`` in float64, shape (in, in).

    Args:
        input_matrices: ``R_s``, shape (G, in, in).
        weights: ``α_s``, shape (G,), not negative; None is 1 / G each.

    Returns:
        The sum.

    Raises:
        ArgumentError: If the matrices or the weights have another shape, or a weight is negative.
    """
    if input_matrices.ndim != 3:
        raise ArgumentError(
            "input_matrices",
            tuple(input_matrices.shape),
            "shape (groups, in, in)",
            "Stack the groups' matrices with torch.stack.",
        )
    groups = input_matrices.shape[0]
    alpha = torch.full((groups,), 1 / groups, dtype=torch.float64) if weights is None else weights
    if alpha.shape != (groups,) or bool((alpha < 0).any()):
        raise ArgumentError(
            "weights", alpha.tolist(), f"{groups} non-negative numbers, one per group"
        )
    matrices = input_matrices.to(torch.float64)
    return torch.einsum("s,sij->ij", alpha.to(matrices), matrices)


def bias_aware(
    weight: Tensor,
    rank: int,
    directions: Tensor,
    strength: float,
    **options: Unpack[BiasOptions],
) -> Factors:
    """Return the factors for any weighting with ``λ ‖N^½ T Δ‖²`` added to it.

    ``Δ``, shape (in, c), and ``λ`` are those of `factorize`. For demographic parity
    ``Δ`` is the groups' mean inputs minus the overall mean; for equalised odds the same within
    each class; for equal opportunity within the positive class.
    """
    return factorize(weight, rank, directions=directions, strength=strength, **options)
