"""Slow and obvious answers to weighted low-rank problems, in float64.

Nothing here shares code with the package: objectives are written out as traces and loops, roots of
matrices come from the textbook, and minima are looked for by a general-purpose optimiser.
"""

from __future__ import annotations

import torch
from torch import Tensor


def objective(
    T: Tensor,
    W: Tensor,
    M: Tensor,
    N: Tensor,
    directions: Tensor | None = None,
    strength: float = 0.0,
) -> float:
    """``‖N^½ (W - T) M^½‖² + λ ‖N^½ T Δ‖²`` as traces; M and N are full matrices."""
    change = W - T
    value = torch.trace(N @ change @ M @ change.T)
    if directions is not None:
        response = T @ directions
        value = value + strength * torch.trace(N @ response @ response.T)
    return float(value)


def elementwise_objective(T: Tensor, W: Tensor, importance: Tensor) -> float:
    """``Σ_ij F_ij (W_ij - T_ij)²`` as a double loop."""
    total = 0.0
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            total += float(importance[i, j]) * float(W[i, j] - T[i, j]) ** 2
    return total


def best_by_search(loss, shape: tuple[int, int], rank: int, starts: int, seed: int) -> float:
    """The lowest ``loss(T)`` over ``T = U V`` that L-BFGS finds from many random starts."""
    generator = torch.Generator().manual_seed(seed)
    best = float("inf")
    for _ in range(starts):
        left = torch.randn(shape[0], rank, generator=generator, dtype=torch.float64)
        right = torch.randn(rank, shape[1], generator=generator, dtype=torch.float64)
        left.requires_grad_()
        right.requires_grad_()
        optimizer = torch.optim.LBFGS(
            [left, right],
            max_iter=200,
            tolerance_grad=1e-9,
            tolerance_change=1e-13,
            line_search_fn="strong_wolfe",
        )

        def closure(left=left, right=right, optimizer=optimizer):
            optimizer.zero_grad()
            value = loss(left @ right)
            value.backward()
            return value

        optimizer.step(closure)
        best = min(best, float(loss(left @ right).detach()))
    return best


def root(M: Tensor) -> Tensor:
    """The symmetric square root of a positive definite matrix."""
    values, vectors = torch.linalg.eigh(M)
    return vectors @ torch.diag(values.sqrt()) @ vectors.T


def truncated(C: Tensor, rank: int) -> Tensor:
    """``[C]_r``, the sum of the first r singular components."""
    U, S, Vh = torch.linalg.svd(C)
    return sum((S[k] * torch.outer(U[:, k], Vh[k]) for k in range(rank)), start=torch.zeros_like(C))


def textbook(
    W: Tensor,
    rank: int,
    M: Tensor,
    N: Tensor,
    directions: Tensor | None = None,
    strength: float = 0.0,
) -> Tensor:
    """``N^-½ [N^½ W M M'^-½]_r M'^-½`` with ``M' = M + λ Δ Δᵀ``, letter by letter."""
    penalized = M if directions is None else M + strength * directions @ directions.T
    M_root, N_root = root(penalized), root(N)
    inner = N_root @ W @ M @ torch.linalg.inv(M_root)
    return torch.linalg.inv(N_root) @ truncated(inner, rank) @ torch.linalg.inv(M_root)


def paper(W: Tensor, rank: int, importance: Tensor) -> tuple[Tensor, Tensor]:
    """Algorithm 1 of arXiv:2403.00625 for ``Z = X Wᵀ``: ``A = Î⁻¹ U_r S_r`` and ``B = V_rᵀ``."""
    diagonal = torch.diag(importance)
    U, S, Vh = torch.linalg.svd(diagonal @ W.T, full_matrices=False)
    return torch.linalg.inv(diagonal) @ U[:, :rank] @ torch.diag(S[:rank]), Vh[:rank]


def fwsvd(W: Tensor, rank: int, fisher: Tensor) -> Tensor:
    """FWSVD (Hsu et al. 2022) for ``Z = X Wᵀ``; ``fisher`` has the shape of W, (out, in)."""
    rows = torch.sqrt(fisher.sum(0))
    U, S, Vh = torch.linalg.svd(torch.diag(rows) @ W.T, full_matrices=False)
    return (torch.diag(1 / rows) @ U[:, :rank] @ torch.diag(S[:rank]) @ Vh[:rank]).T


def drone(W: Tensor, rank: int, X: Tensor) -> Tensor:
    """DRONE (Chen et al. 2021) for ``Z = X Wᵀ``: ``X = U S Vᵀ``, ``V S⁻¹ [S Vᵀ Wᵀ]_r``."""
    _, S, Vh = torch.linalg.svd(X, full_matrices=False)
    return (Vh.T @ torch.diag(1 / S) @ truncated(torch.diag(S) @ Vh @ W.T, rank)).T


def svd_llm(W: Tensor, rank: int, X: Tensor) -> Tensor:
    """SVD-LLM (Wang et al. 2025): ``[W L]_r L⁻¹`` with ``L`` the Cholesky factor of ``XᵀX``."""
    L = torch.linalg.cholesky(X.T @ X)
    return truncated(W @ L, rank) @ torch.linalg.inv(L)


def gfwsvd(W: Tensor, rank: int, F_in: Tensor, F_out: Tensor) -> Tensor:
    """GFWSVD (Chekalina et al. 2025) for ``Z = X Wᵀ``: ``L_a⁻ᵀ [L_aᵀ Wᵀ L_g]_r L_g⁻¹``."""
    L_a, L_g = torch.linalg.cholesky(F_in), torch.linalg.cholesky(F_out)
    inner = truncated(L_a.T @ W.T @ L_g, rank)
    return (torch.linalg.inv(L_a.T) @ inner @ torch.linalg.inv(L_g)).T


def erased(W: Tensor, M: Tensor, directions: Tensor) -> Tensor:
    """``W (I - Δ (Δᵀ M⁻¹ Δ)⁺ Δᵀ M⁻¹)``, LEACE (Belrose et al. 2023) when M is a covariance."""
    inverse = torch.linalg.inv(M)
    gram = torch.linalg.pinv(directions.T @ inverse @ directions, rtol=1e-12)
    oblique = directions @ gram @ directions.T @ inverse
    return W @ (torch.eye(W.shape[1], dtype=W.dtype) - oblique)
