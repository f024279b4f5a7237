"""What the training of a text classifier minimises, batch by batch."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from fairfactor.mitigation.group_weights import RunningGroupWeights
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.running_gap_penalty import RunningGapPenalty
from fairfactor.text_settings import Objective


class BatchObjective(Protocol):
    """From logits (rows × classes), labels and groups (rows) of a batch to its loss."""

    def __call__(self, logits: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """The loss, a scalar."""

    def memory(self) -> dict[str, Tensor]:
        """What it remembers of earlier batches, for going on after an interruption."""

    def remember(self, memory: dict[str, Tensor]) -> None:
        """Take what `memory` returned."""


class CrossEntropy:
    """Mean of −log p(label)."""

    def __call__(self, logits: Tensor, labels: Tensor, groups: Tensor) -> Tensor:  # noqa: ARG002
        """The loss, a scalar."""
        return functional.cross_entropy(logits, labels)

    def memory(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def remember(self, memory: dict[str, Tensor]) -> None:
        """Nothing to take."""


class Balanced:
    """Mean of −log p(label) with the same weight for every group in the batch.

    Args:
        n_groups: Number of groups.
    """

    def __init__(self, n_groups: int) -> None:
        self.weigh = RunningGroupWeights(n_groups, step=0.0)

    def __call__(self, logits: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """The loss, a scalar; rows of no group take no part."""
        losses = functional.cross_entropy(logits.cpu(), labels.cpu(), reduction="none")
        return self.weigh(losses, groups.cpu())

    def memory(self) -> dict[str, Tensor]:
        """Nothing: the weights do not change."""
        return {}

    def remember(self, memory: dict[str, Tensor]) -> None:
        """Nothing to take."""


class Penalized:
    """Cross-entropy + strength · `RunningGapPenalty`.

    Args:
        notion: The gap.
        strength: Weight of the penalty.
        n_classes: Number of classes.
        n_groups: Number of groups.
    """

    def __init__(self, notion: str, strength: float, n_classes: int, n_groups: int) -> None:
        self.strength = strength
        self.penalty = RunningGapPenalty(rate_family(notion, n_classes), n_groups)

    def __call__(self, logits: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """The loss, a scalar; rows of no group are in the cross-entropy alone."""
        gap = self.penalty(logits.softmax(dim=1).cpu(), labels.cpu(), groups.cpu())
        return functional.cross_entropy(logits, labels) + self.strength * gap.to(logits.device)

    def memory(self) -> dict[str, Tensor]:
        """Hits and rows of the rates."""
        return {"hits": self.penalty.hit_sums.clone(), "rows": self.penalty.row_sums.clone()}

    def remember(self, memory: dict[str, Tensor]) -> None:
        """Take hits and rows."""
        self.penalty.hit_sums = memory["hits"].clone()
        self.penalty.row_sums = memory["rows"].clone()


def make_objective(
    name: Objective, strength: float, n_classes: int, n_groups: int
) -> BatchObjective:
    """The objective of a name.

    Args:
        name: As in `TextTuningConfig`.
        strength: Weight of a penalty.
        n_classes: Number of classes.
        n_groups: Number of groups.

    Returns:
        The objective.
    """
    if name == "accuracy":
        return CrossEntropy()
    if name == "balanced":
        return Balanced(n_groups)
    return Penalized(name, strength, n_classes, n_groups)


def mean_cross_entropy(logits: Tensor, labels: Tensor) -> float:
    """Mean of −log p(label) in float64.

    Args:
        logits: (rows × classes).
        labels: Class codes, (rows,).

    Returns:
        The mean.
    """
    return float(functional.cross_entropy(torch.as_tensor(logits).double(), labels))
