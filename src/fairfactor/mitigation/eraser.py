"""The smallest change of features that takes some directions out of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

TOLERANCE = 1e-6
"""Directions whose variance is below this share of the largest count as empty: dead units."""


@dataclass(frozen=True)
class Eraser:
    """x ↦ x − (x − mean) removalᵀ (LEACE, Belrose et al. 2023, arXiv:2306.03819).

    With Σ the covariance of the features and P the orthogonal projection onto the columns of
    Σ^-½ Δ, the removal is Σ^½ P Σ^-½. Of all affine maps after which the directions Δ are gone, it
    moves the features least.

    Attributes:
        mean: Shape (d,).
        removal: Σ^½ P Σ^-½, shape (d, d).
    """

    mean: Tensor
    removal: Tensor

    @classmethod
    def fit(cls, features: Tensor, directions: Tensor) -> Eraser:
        """Learn how to take directions out.

        Args:
            features: Shape (n, d), float64.
            directions: Δ, shape (d, c), such as `group_directions`.

        Returns:
            The eraser.
        """
        mean = features.mean(dim=0)
        centred = features - mean
        variances, axes = torch.linalg.eigh(centred.T @ centred / len(features))
        kept = variances > TOLERANCE * variances[-1]
        roots, axes = variances[kept].sqrt(), axes[:, kept]
        shifts = axes.T @ directions / roots[:, None]
        basis, sizes, _ = torch.linalg.svd(shifts, full_matrices=False)
        basis = basis[:, sizes > TOLERANCE * sizes[0]]
        removal = (axes * roots) @ basis @ basis.T @ (axes / roots).T
        return cls(mean, removal)

    def __call__(self, features: Tensor) -> Tensor:
        """Erase, shape (n, d) to (n, d)."""
        return features - (features - self.mean) @ self.removal.T


def group_directions(features: Tensor, groups: Tensor, labels: Tensor | None = None) -> Tensor:
    """Δ = Cov(x, s), or with labels the mean over rows of Cov(x, s | y), for s in one-hot form.

    Without Cov(x, s | y) the groups have, within the classes and on the whole, the same mean
    features: what a linear layer reads in them treats the groups alike, on average, at every label.

    Args:
        features: Shape (n, d), float64.
        groups: Group codes, shape (n,), none of them -1.
        labels: Class codes, shape (n,).

    Returns:
        Shape (d, groups).
    """
    classes = torch.zeros_like(groups) if labels is None else labels
    belongs = functional.one_hot(classes).to(features.dtype)
    means = belongs.T @ features / belongs.sum(dim=0).clamp_min(1)[:, None]
    members = functional.one_hot(groups).to(features.dtype)
    return (features - means[classes]).T @ members / len(features)
