"""Square roots of the metrics, diagonal or full, with a relative floor."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError
from fairfactor.factorization.arguments import checked_companion

ROUNDING = torch.finfo(torch.float32).eps ** 0.5
"""Relative asymmetry and negative eigenvalues that pass as rounding, whatever the dtype: a sum in
float64 may be one of products in float32."""


@dataclass(frozen=True)
class MetricRoot:
    """A root ``R = Q diag(scales)`` of a metric ``M = R Rᵀ``.

    Attributes:
        scales: Square roots of the floored eigenvalues (or diagonal entries), all positive.
        eigenvectors: Orthogonal ``Q``, one eigenvector per column; None stands for the identity.
    """

    scales: Tensor
    eigenvectors: Tensor | None = None

    @property
    def mean_square(self) -> Tensor:
        """The mean eigenvalue of the metric."""
        return self.scales.square().mean()

    def multiply(self, rows: Tensor) -> Tensor:
        """Return ``rows @ R``."""
        rotated = rows if self.eigenvectors is None else rows @ self.eigenvectors
        return rotated * self.scales

    def divide(self, rows: Tensor) -> Tensor:
        """Return ``rows @ R⁻¹``."""
        scaled = rows / self.scales
        return scaled if self.eigenvectors is None else scaled @ self.eigenvectors.T

    def whiten(self, rows: Tensor) -> Tensor:
        """Return ``rows @ R⁻ᵀ``."""
        rotated = rows if self.eigenvectors is None else rows @ self.eigenvectors
        return rotated / self.scales


def metric_root(
    metric: Tensor | None, argument: str, weight: Tensor, axis: int, floor: float
) -> MetricRoot:
    """Take the root of a metric on one axis of a weight.

    Eigenvalues below ``floor`` times the largest are raised to that value. A metric of inputs that
    are dead (a ReLU unit that never fires) or of redundant ones is singular; a pseudo-inverse would
    delete these inputs from the factors, so that not even full rank gave the weight back. With the
    floor they count, but a million times less than the most important ones (at the default 1e-12,
    which is 1e-6 on the root's scale): they get what rank the others leave.

    Args:
        metric: Vector of a diagonal, symmetric positive semi-definite matrix, or None: identity.
        argument: Name of the metric in the caller's signature.
        weight: The checked weight.
        axis: The axis of the weight that the metric belongs to, 0 = outputs, 1 = inputs.
        floor: Relative floor of the eigenvalues.

    Returns:
        The root, in float64.

    Raises:
        ArgumentError: If the metric has another shape, is not finite, not symmetric, has a negative
            entry or eigenvalue, or is zero.
    """
    size = weight.shape[axis]
    if metric is None:
        return MetricRoot(weight.new_ones(size))
    accepted = (
        f"a non-negative vector ({size},) or a positive semi-definite ({size}, {size}) matrix"
    )
    checked = checked_companion(
        metric, argument, weight, accepted=accepted, shapes=[(size,), (size, size)]
    )
    eigenvectors = None
    values = checked
    if checked.ndim == 2:
        asymmetry = float((checked - checked.T).abs().max())
        if asymmetry > ROUNDING * float(checked.abs().max()):
            raise ArgumentError(
                argument,
                f"a matrix that differs from its transpose by {asymmetry:.2g}",
                "a symmetric matrix",
                "Pass (M + M.T) / 2 if the difference is rounding.",
            )
        values, eigenvectors = torch.linalg.eigh((checked + checked.T) / 2)
    largest = float(values.max())
    lowest = float(values.min())
    if lowest < (0.0 if eigenvectors is None else -ROUNDING * max(largest, 0.0)):
        raise ArgumentError(
            argument,
            f"{'an entry' if eigenvectors is None else 'an eigenvalue'} of {lowest:.3g}",
            accepted,
            "Pass importances or second moments; they are never negative.",
        )
    if largest <= 0.0:
        raise ArgumentError(
            argument,
            "all zeros",
            "at least one positive entry",
            "Leave it out, or compute it from data for which the layer has a gradient.",
        )
    return MetricRoot(values.clamp_min(floor * largest).sqrt(), eigenvectors)
