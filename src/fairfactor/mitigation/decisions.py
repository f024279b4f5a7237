"""Decisions of many Bayes rules at once, as confusion counts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fairfactor.fairness import ConfusionCounts
from fairfactor.mitigation.rates import Array

_ROWS = 2048
_RULES = 256  # blocks of scores that stay in the cache


def known_group(probabilities: Tensor, groups: Tensor) -> Tensor:
    """Cell probabilities once the group is known: p(y, s | x, s') = p(y | x, s) 1[s = s'].

    Args:
        probabilities: p(y, s | x), shape (rows, classes, groups).
        groups: Group codes, (rows,); rows of -1 keep what they have.

    Returns:
        The probabilities, same shape.
    """
    own = functional.one_hot(groups.clamp(min=0), probabilities.shape[2])
    own = torch.where((groups < 0)[:, None], 1, own).to(probabilities)
    joint = probabilities * own[:, None, :]
    return joint / joint.sum(dim=(1, 2), keepdim=True).clamp_min(1e-30)


def count_decisions(
    probabilities: Tensor,
    weights: Array,
    labels: Tensor,
    groups: Tensor,
    group_names: tuple[str, ...],
) -> ConfusionCounts:
    """Confusion counts of argmax_c Σ_ys w[c, y, s] p(y, s | x) for many w; the first of ties wins.

    Args:
        probabilities: p(y, s | x), shape (rows, classes, groups of the model).
        weights: w, shape (rules, classes, classes, groups of the model).
        labels: Class codes, (rows,).
        groups: Group codes, (rows,); rows of -1 are not counted.
        group_names: Name of each group.

    Returns:
        Counts with a leading axis of rules.
    """
    n_classes, n_groups = probabilities.shape[1], len(group_names)
    cells = probabilities.flatten(1)
    # One column for each (group, class); those of the excluded rows come first and are cut.
    member = functional.one_hot((groups + 1) * n_classes + labels, (n_groups + 1) * n_classes)
    member = member.to(cells.dtype)
    costs = torch.from_numpy(relative_weights(weights)[:, 1:]).to(cells.dtype)
    decided = torch.zeros(n_classes, member.shape[1], len(weights), dtype=torch.float64)
    for rules in torch.arange(len(weights)).split(_RULES):
        # (cells × (classes but the first · rules))
        block = costs[rules].flatten(2).transpose(0, 1).flatten(0, 1).T.contiguous()
        for some, kind in zip(cells.split(_ROWS), member.split(_ROWS), strict=True):
            scores = (some @ block).unflatten(1, (n_classes - 1, len(rules)))
            best = scores.max(dim=1) if n_classes > 2 else None
            for c in range(1, n_classes):
                picked = scores[:, c - 1] > 0
                if best is not None:
                    picked &= best.indices == c - 1
                decided[c][:, rules] += (kind.T @ picked.to(cells.dtype)).double()
    decided[0] = member.sum(dim=0, dtype=torch.float64)[:, None] - decided[1:].sum(dim=0)
    counts = decided.permute(2, 1, 0).unflatten(1, (n_groups + 1, n_classes))[:, 1:]
    return ConfusionCounts(counts.round().to(torch.int64).numpy(), group_names)


def relative_weights(weights: Array) -> Array:
    """Weights less those of class 0: the same decisions, and a score of exactly 0 for class 0."""
    return np.asarray(weights - weights[..., :1, :, :])
