"""Class and group from one head on the features of a frozen network."""

from __future__ import annotations

import copy
from typing import cast

from torch import Tensor, nn

from fairfactor.mitigation.cell_head import PENALTY, CellHead
from fairfactor.mitigation.cell_model import FrozenCells, features_and_logits
from fairfactor.mitigation.recipe import TuningProblem


def frozen_backbone(problem: TuningProblem) -> nn.Module:
    """A copy of the pre-trained network that no training changes.

    Args:
        problem: The network.

    Returns:
        The copy, in evaluation mode.
    """
    return copy.deepcopy(problem.backbone).requires_grad_(requires_grad=False).eval()


def fit_head(problem: TuningProblem, features: Tensor, *, penalty: float = PENALTY) -> CellHead:
    """Fit a head that tells class and group of the training rows.

    Args:
        problem: The rows.
        features: What the head is given for each training row.
        penalty: As in `CellHead.fit`.

    Returns:
        The head.
    """
    return CellHead.fit(
        features,
        problem.train.labels,
        problem.train.groups,
        n_classes=len(problem.class_names),
        n_groups=len(problem.group_names),
        penalty=penalty,
    )


class HeadCells(FrozenCells):
    """p(y, s | x) from a cell head alone; the last layer of the network is not asked."""

    kind = "head_cells"

    def forward(self, inputs: Tensor) -> Tensor:
        """p(y, s | x)."""
        features, _ = features_and_logits(self.network, self.layers, inputs)
        return cast("Tensor", self.head(features)).exp()
