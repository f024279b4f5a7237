"""Losses that weigh groups, not rows: every group alike, or the worst ones more."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError

Partition = Literal["groups", "cells"]
"""What is weighed: the groups, or the cells of class and group."""


def parts_of(
    labels: Tensor, groups: Tensor, n_classes: int, n_groups: int, over: Partition
) -> tuple[Tensor, int]:
    """The part of each row.

    Args:
        labels: Class codes, (rows,).
        groups: Group codes, (rows,); -1 excludes a row.
        n_classes: Number of classes.
        n_groups: Number of groups.
        over: What the parts are.

    Returns:
        Codes, (rows,), -1 for a row that is excluded, and the number of parts.
    """
    if over == "groups":
        return groups, n_groups
    return torch.where(groups < 0, groups, labels * n_groups + groups), n_classes * n_groups


def part_losses(losses: Tensor, codes: Tensor, parts: int) -> tuple[Tensor, Tensor]:
    """Mean loss L_g of each part.

    Args:
        losses: Loss of each row, (rows,).
        codes: Part of each row, (rows,); rows of -1 are in none.
        parts: Number of parts.

    Returns:
        L, (parts,), 0 for a part without rows, and which parts have rows.
    """
    sums = losses.new_zeros(parts + 1).index_add(0, codes + 1, losses)[1:]
    sizes = torch.bincount(codes + 1, minlength=parts + 1)[1:]
    return sums / sizes.clamp_min(1), sizes > 0


def soft_worst(losses: Tensor, present: Tensor, sharpness: float) -> Tensor:
    """(1/η) log mean_g exp(η L_g) over the parts that have rows.

    η → 0 is the mean over parts, in which each weighs the same whatever its size (group-balanced
    weights); η → ∞ is the loss of the worst part (group DRO, Sagawa et al. 2020,
    arXiv:1911.08731). The gradient is Σ_g q_g ∇L_g with q = softmax(η L), and the loss is convex
    wherever every L_g is.

    Args:
        losses: L, (parts,).
        present: Which parts have rows, (parts,).
        sharpness: η ≥ 0, in units of one over the loss.

    Returns:
        The loss, a scalar.
    """
    kept = losses[present]
    worst = kept.max()
    spread = float((worst - kept.min()).detach())
    if sharpness * spread < torch.finfo(kept.dtype).eps:  # the mean to the last bit
        return kept.mean()
    # From the largest loss, with expm1 and log1p: exact for small η and large.
    return worst + torch.expm1(sharpness * (kept - worst)).mean().log1p() / sharpness


class RunningGroupWeights:
    """Worst-group weights for batches: q_g ← q_g exp(step · L_g), of the parts in the batch.

    The loss of a batch is Σ_g q_g L_g / Σ_g q_g over the parts that it has rows of (Sagawa et al.
    2020, algorithm 1). The others keep their weight, so that no batch can miss a part. With a step
    of 0 all parts weigh the same.

    Args:
        parts: Number of parts.
        step: Step of the weights, in units of one over the loss.

    Attributes:
        log_weights: log q up to a constant, (parts,).

    Raises:
        ArgumentError: If the step is negative or not finite.
    """

    def __init__(self, parts: int, step: float) -> None:
        if not (math.isfinite(step) and step >= 0):
            raise ArgumentError("step", step, "a finite number, 0 or more")
        self.step = step
        self.log_weights = torch.zeros(parts, dtype=torch.float64)

    def __call__(self, losses: Tensor, codes: Tensor) -> Tensor:
        """Update the weights and weigh the losses of one batch.

        Args:
            losses: Loss of each row, (rows,).
            codes: Part of each row, (rows,); rows of -1 are left out.

        Returns:
            The loss, a scalar; 0 if no row has a part.
        """
        means, present = part_losses(losses, codes, len(self.log_weights))
        self.log_weights += self.step * means.detach().double() * present
        self.log_weights -= self.log_weights.max()
        weights = self.log_weights.exp() * present
        shares = weights / weights.sum().clamp_min(1e-300)
        return (shares.to(means) * means).sum()
