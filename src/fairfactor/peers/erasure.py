"""LEACE (Belrose et al. 2023, arXiv:2306.03819): linear erasure of the group from the features.

x' = x − Σ^½ P Σ^-½ (x − μ), with Σ the covariance of the features x, μ their mean, and P the
orthogonal projection onto the columns of Σ^-½ Cov(x, s) for the group s in one-hot form. Of all
maps that leave a linear classifier nothing to find of the group, it moves the features least.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fairfactor.features import layer_inputs
from fairfactor.peers.peer import Peer, PeerResult, Setting
from fairfactor.protocol import Problem

TOLERANCE = 1e-6
"""Directions whose variance is below this share of the largest count as empty: dead units."""


@dataclass(frozen=True)
class Eraser:
    """x ↦ x − (x − mean) removalᵀ.

    Attributes:
        mean: Shape (d,).
        removal: Σ^½ P Σ^-½, shape (d, d).
    """

    mean: Tensor
    removal: Tensor

    @classmethod
    def fit(cls, features: Tensor, groups: Tensor) -> Eraser:
        """Learn what to remove.

        Args:
            features: Shape (n, d), float64.
            groups: Group codes, shape (n,).

        Returns:
            The eraser.
        """
        mean = features.mean(dim=0)
        centred = features - mean
        members = functional.one_hot(groups).to(features.dtype)
        variances, directions = torch.linalg.eigh(centred.T @ centred / len(features))
        kept = variances > TOLERANCE * variances[-1]
        roots, directions = variances[kept].sqrt(), directions[:, kept]
        shifts = directions.T @ (centred.T @ members) / len(features) / roots[:, None]
        basis, sizes, _ = torch.linalg.svd(shifts, full_matrices=False)
        basis = basis[:, sizes > TOLERANCE * sizes[0]]
        removal = (directions * roots) @ basis @ basis.T @ (directions / roots).T
        return cls(mean, removal)

    def __call__(self, features: Tensor) -> Tensor:
        """Erase, shape (n, d) to (n, d)."""
        return features - (features - self.mean) @ self.removal.T


def fit_erasure(problem: Problem, _setting: Setting) -> PeerResult:
    """Erase the group from the inputs of the last layer and fit a fresh one.

    Args:
        problem: The problem.

    Returns:
        Its predictions.
    """
    from sklearn.linear_model import LogisticRegression

    def features(inputs: Tensor) -> Tensor:
        return layer_inputs(problem.backbone, "head", inputs).double()

    train = problem.train.grouped
    eraser = Eraser.fit(features(train.inputs), train.groups)
    head = LogisticRegression(solver="newton-cholesky", max_iter=200)
    head.fit(eraser(features(train.inputs)), train.labels)
    validation, test = (
        head.predict(eraser(features(part.inputs))) for part in (problem.validation, problem.test)
    )
    return PeerResult(validation, test, trained_parameters=head.coef_.size + head.intercept_.size)


ERASURE = Peer(
    "leace",
    "LEACE on the last features, fresh last layer",
    "demographic_parity",
    fit_erasure,
)
