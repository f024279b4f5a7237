"""Class and group from one convex head on frozen features, for networks of one linear layer."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch

from fairfactor.importance import select_layers
from fairfactor.mitigation.cell_head import CellHead
from fairfactor.mitigation.cell_model import features_and_logits
from fairfactor.mitigation.head_cells import HeadCells
from fairfactor.mitigation.recipe import FittedCells, TuningProblem
from fairfactor.surgery import count_parameters

_PENALTIES = (0.01, 0.1, 0.3, 1.0)


def fit_one_head(problem: TuningProblem, _seed: int) -> Iterator[FittedCells]:
    """Log p(y, s | h) = log softmax(W h + b), with more and more penalty/2 ‖W‖².

    A thousand features of some thousand images are enough to learn the training rows by heart: the
    class then looks certain where it is not, and so does the gap, which on new rows is another one.
    How much penalty is right is left to the validation rows.

    Args:
        problem: The pre-trained network and the rows.

    Yields:
        One model for each penalty.
    """
    layers = tuple(select_layers(problem.backbone, "all-linear"))[-1:]
    backbone = copy.deepcopy(problem.backbone).requires_grad_(requires_grad=False).eval()
    with torch.no_grad():
        features, _ = features_and_logits(backbone, layers, problem.train.inputs)
    for penalty in _PENALTIES:
        head = CellHead.fit(
            features,
            problem.train.labels,
            problem.train.groups,
            n_classes=len(problem.class_names),
            n_groups=len(problem.group_names),
            penalty=penalty,
        )
        model = HeadCells(backbone, layers, head)
        yield FittedCells(model, {"penalty": penalty}, count_parameters(head).total)
