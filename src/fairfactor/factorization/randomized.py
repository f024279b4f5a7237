"""Leading singular vectors of a large matrix by random projection, with a bound on the loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor

OVERSAMPLING = 0.5
"""Random directions beyond the rank, as a fraction of it; at least `LEAST_OVERSAMPLING`."""

LEAST_OVERSAMPLING = 10

POWER_ITERATIONS = 4
"""With half the rank to spare, four bring the excess error to 2e-4 of ``‖C‖`` for s_i = i^-½."""

PROBES = 10
PROBE_POWERS = 16
SMALL_COMPONENT = 0.1
"""q, k and τ of the error bound, whose ``θ`` exceeds ``‖H⊥‖`` by a factor ``(|g_1| / τ)^(1/k)``."""


def leading_left_vectors(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Approximate the first r left singular vectors and values of a matrix.

    The randomised range finder with power iterations of Halko, Martinsson and Tropp (2011,
    algorithms 4.4 and 5.1): an orthonormal basis of ``(C Cᵀ)^q C Ω`` for a Gaussian ``Ω``, and the
    singular vectors of ``C`` projected onto it. The random numbers are the same in every call.

    Args:
        matrix: ``C``, shape (out, in).
        rank: Number of vectors r.

    Returns:
        The vectors, shape (out, r), orthonormal; the values, shape (r,), not above the true ones.
    """
    width = min(rank + max(LEAST_OVERSAMPLING, math.ceil(OVERSAMPLING * rank)), *matrix.shape)
    basis = _gaussian(matrix, width)
    for _ in range(POWER_ITERATIONS):
        basis = torch.linalg.qr(matrix.T @ (matrix @ basis))[0]
    basis = torch.linalg.qr(matrix @ basis)[0]
    rotation, values, _ = torch.linalg.svd(basis.T @ matrix, full_matrices=False)
    return basis @ rotation[:, :rank], values[:rank]


def excess_energy_bound(matrix: Tensor, vectors: Tensor, values: Tensor) -> float:
    """Bound how much less energy than the best rank-r projection a projection of ``C`` keeps.

    Write ``H = C Cᵀ`` in the basis of the vectors ``U`` and of their complement: its diagonal
    blocks are ``diag(s²)`` and ``H⊥``, its other block is ``G = (I - U Uᵀ) C Cᵀ U``. For δ > 0,
    ``H ⪯ blockdiag(diag(s²) + Gᵀ G / δ, H⊥ + δ I)``, so that with ``θ ≥ ‖H⊥‖`` the r largest
    eigenvalues of ``H`` exceed ``Σ s²`` by at most ``‖G‖² / δ + Σ_i max(0, θ + δ - s_i²)``. That is
    also by how much the squared error can exceed the best.

    The bound holds for the first of the vectors alone, too: none of the ``s_i²`` is above the
    i-th eigenvalue, so a part of the sum falls short by no more than all of it. It is never more
    than what is lost.

    ``θ`` is found by the power method with q Gaussian probes ``g``, whose component along the
    leading eigenvector is ``g_1``: ``‖(H⊥)^k g‖ ≥ ‖H⊥‖^k |g_1|``, and the probability that no
    ``|g_1|`` reaches τ is below ``(τ √(2/π))^q``, here 2e-11.

    Args:
        matrix: ``C``, shape (out, in).
        vectors: ``U``, shape (out, r), orthonormal, with ``Uᵀ C Cᵀ U = diag(s²)``.
        values: ``s``, shape (r,).

    Returns:
        An upper bound of ``(‖C - U Uᵀ C‖² - ‖C - [C]_r‖²) / ‖C‖²``; 0 for a zero matrix.
    """
    norm = matrix.norm()
    if float(norm) == 0.0:
        return 0.0
    matrix, squares = matrix / norm, (values / norm).square()
    image = matrix @ (matrix.T @ vectors)
    coupling = float((image - vectors * squares).square().sum())
    theta = _remainder_norm(matrix, vectors)
    delta = squares[0] * torch.logspace(-12, 1, 400, dtype=squares.dtype, device=squares.device)
    overtaken = (theta + delta[:, None] - squares).clamp_min(0).sum(1)
    lost = max(1.0 - float(squares.sum()), 0.0)
    return min(float((coupling / delta + overtaken).min()), lost)


def _remainder_norm(matrix: Tensor, vectors: Tensor) -> float:
    """Return an upper bound of the largest eigenvalue of ``(I - U Uᵀ) C Cᵀ (I - U Uᵀ)``."""
    probes = _gaussian(matrix.T, PROBES)
    log_scale = 0.0
    for _ in range(PROBE_POWERS):
        probes = probes - vectors @ (vectors.T @ probes)
        probes = matrix @ (matrix.T @ probes)
        probes = probes - vectors @ (vectors.T @ probes)
        size = float(probes.norm(dim=0).max())
        if size == 0.0:
            return 0.0
        log_scale += math.log(size)
        probes = probes / size
    return math.exp((log_scale - math.log(SMALL_COMPONENT)) / PROBE_POWERS)


def _gaussian(matrix: Tensor, columns: int) -> Tensor:
    """Return a Gaussian matrix that ``matrix`` can be multiplied with, the same in every call."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(matrix.shape[1], columns, generator=generator, dtype=matrix.dtype)
    return draws.to(matrix.device)
