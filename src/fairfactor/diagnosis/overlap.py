"""How alike the groups' Fisher information is: whether neutralising has anything to trade."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from fairfactor.importance import GroupFisher


@dataclass(frozen=True)
class GroupOverlap:
    """How alike two groups' Fisher information is over the input features of a layer.

    If all groups need the same features, neutralising has nothing to trade.

    Attributes:
        groups: The two groups.
        correlation: Pearson correlation of their row importances; NaN if one is constant.
        shared_top: Fraction of the k most important features that both groups share, k a fifth of
            the features. Of features that are equally important, the first come first.
        scale_ratio: Mean importance of the first group over that of the second; infinite if the
            second has none.
    """

    groups: tuple[str, str]
    correlation: float
    shared_top: float
    scale_ratio: float


def group_overlaps(fisher: GroupFisher) -> tuple[GroupOverlap, ...]:
    """Compare the row importances of each pair of groups.

    Args:
        fisher: Group Fisher of a layer.

    Returns:
        One entry a pair, in the order of the groups.
    """
    return tuple(
        _overlap((fisher.groups[a], fisher.groups[b]), *fisher.row_importance[[a, b]])
        for a, b in combinations(range(len(fisher.groups)), 2)
    )


def _overlap(names: tuple[str, str], first: Tensor, second: Tensor) -> GroupOverlap:
    # Deviations within rounding of the mean are none: a constant has no correlation.
    varies = all(
        float(row.std(correction=0)) > 1e-12 * float(row.mean()) for row in (first, second)
    )
    correlation = float(torch.corrcoef(torch.stack([first, second]))[0, 1]) if varies else math.nan
    k = max(1, len(first) // 5)
    top, other_top = (
        set(row.argsort(descending=True, stable=True)[:k].tolist()) for row in (first, second)
    )
    return GroupOverlap(
        groups=names,
        correlation=correlation,
        shared_top=len(top & other_top) / k,
        scale_ratio=float(first.mean() / second.mean()) if bool(second.any()) else math.inf,
    )
