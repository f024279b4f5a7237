"""What is to be solved: a pre-trained network with its rows, and how predictions are counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fairfactor.data.encoding import TableEncoder
from fairfactor.fairness import ConfusionCounts, confusion_counts
from fairfactor.groups import Groups
from fairfactor.models.mlp import is_mlp, layer_widths
from fairfactor.part import Part
from fairfactor.training import LossPoint
from fairfactor.trees.tree_scores import TreeScores


@dataclass(frozen=True, eq=False)
class PretrainedProblem:
    """A pre-trained network with the rows to tune it on, as `fairfactor.mitigation.tune` wants it.

    Attributes:
        train: Rows to train on.
        validation: Rows to choose a setting on.
        backbone: The pre-trained, unmitigated network in evaluation mode. Methods change a copy.
        class_names: Name of each class code; for two classes, code 1 is the positive class.
        group_names: Name of each group code.
    """

    train: Part
    validation: Part
    backbone: nn.Module
    class_names: tuple[str, ...]
    group_names: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem(PretrainedProblem):
    """What every method of a comparison is given, the test rows of the protocol included.

    Attributes:
        seed: Seed of the split, the initial weights and the order of the rows.
        test: Rows to report on.
        test_positions: Their positions in the table.
        encoder: From the columns of the table to the inputs, learned from ``train``.
        tree_scores: From what the encoder gives to the inputs, if the backbone reads scores of
            trees, which are the inputs' last columns.
        seconds: How long the pre-training took.
        losses: How the pre-training went; empty for a network that came trained.
    """

    seed: int
    test: Part
    test_positions: NDArray[np.int64]
    encoder: TableEncoder
    tree_scores: TreeScores | None
    seconds: float
    losses: tuple[LossPoint, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Name of each input of the backbone."""
        return self.encoder.feature_names + (self.tree_scores.names if self.tree_scores else ())

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of inputs, of units of each hidden layer, and of outputs of the backbone."""
        return layer_widths(self.backbone, self.train.inputs.shape[1], len(self.class_names))

    @property
    def is_plain(self) -> bool:
        """Whether the backbone is a network of `build_mlp`."""
        return is_mlp(self.backbone)


def predict_classes(network: nn.Module, inputs: Tensor) -> NDArray[np.int64]:
    """The most probable class of each row.

    Args:
        network: A module from inputs to logits, in evaluation mode.
        inputs: Shape (n, d).

    Returns:
        Class codes, shape (n,).
    """
    with torch.no_grad():
        classes: NDArray[np.int64] = network(inputs).argmax(dim=1).numpy()
    return classes


def count_classes(problem: Problem, part: Part, classes: NDArray[np.int64]) -> ConfusionCounts:
    """Count predictions by group and class; rows of no group are counted nowhere.

    Args:
        problem: The problem.
        part: The rows.
        classes: Predicted class codes, shape (n,).

    Returns:
        The counts.
    """
    return confusion_counts(
        part.labels.numpy(),
        classes,
        Groups(part.groups.numpy(), problem.group_names),
        n_classes=len(problem.class_names),
    )
