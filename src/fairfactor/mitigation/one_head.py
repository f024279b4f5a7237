"""Class and group from one convex head on frozen features, for networks of one linear layer."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from fairfactor.importance import select_layers
from fairfactor.mitigation.cell_model import features_and_logits
from fairfactor.mitigation.head_cells import HeadCells, fit_head, frozen_backbone
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
    backbone = frozen_backbone(problem)
    with torch.no_grad():
        features, _ = features_and_logits(backbone, layers, problem.train.inputs)
    for penalty in _PENALTIES:
        head = fit_head(problem, features, penalty=penalty)
        model = HeadCells(backbone, layers, head)
        yield FittedCells(model, {"penalty": penalty}, count_parameters(head).total)
