"""Cells from features whose group means are made equal within the classes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from fairfactor.features import layer_inputs
from fairfactor.importance import select_layers
from fairfactor.mitigation.cell_head import CellHead
from fairfactor.mitigation.eraser import Eraser, group_directions
from fairfactor.mitigation.head_cells import HeadCells, fit_head, frozen_backbone
from fairfactor.mitigation.recipe import FittedCells, TuningProblem
from fairfactor.surgery import count_parameters

_PENALTIES = (1e-3, 3e-3, 1e-2, 3e-2)


def fit_erased_features(problem: TuningProblem, _seed: int) -> Iterator[FittedCells]:
    """Take Cov(x, s | y) out of the last features, then tell class and group from what is left.

    That is the bias-aware factorisation of the last layer for λ → ∞, with one direction for each
    group in place of one for each class and group, which rare classes would make noise of. What is
    left still tells something of the group, so the rules of the Lagrangian go on from there. The
    weight penalty of the head is the one with the highest likelihood on validation rows.

    Args:
        problem: The pre-trained network and the rows.

    Yields:
        One model.
    """
    backbone = frozen_backbone(problem)
    layer = tuple(select_layers(backbone, "all-linear"))[-1]
    features = {
        name: layer_inputs(backbone, layer, part.inputs)
        for name, part in (("train", problem.train), ("validation", problem.validation))
    }
    rows = problem.train
    kept = rows.groups >= 0
    exact = features["train"][kept].double()
    eraser = Eraser.fit(exact, group_directions(exact, rows.groups[kept], rows.labels[kept]))
    erased = {name: eraser(seen.double()).to(seen.dtype) for name, seen in features.items()}
    heads = {penalty: fit_head(problem, erased["train"], penalty=penalty) for penalty in _PENALTIES}
    likelihood = {
        penalty: _likelihood(head, erased["validation"], problem) for penalty, head in heads.items()
    }
    best = max(_PENALTIES, key=likelihood.__getitem__)
    head = _folded(heads[best], eraser)
    model = HeadCells(backbone, (layer,), head)
    setting = {"groups_from": [layer], "weight_penalty": best}
    yield FittedCells(model, setting, count_parameters(head).total)


def _likelihood(head: CellHead, features: Tensor, problem: TuningProblem) -> float:
    """Mean log p(y, s | x) of the validation rows that have a group."""
    rows = problem.validation
    kept = rows.groups >= 0
    with torch.no_grad():
        cells = head(features[kept]).flatten(1)
    own = rows.labels[kept] * head.n_groups + rows.groups[kept]
    return float(cells.gather(1, own[:, None]).mean())


def _folded(head: CellHead, eraser: Eraser) -> CellHead:
    """The same function of features that are not erased, as one linear layer."""
    folded = CellHead(head.linear.in_features, head.n_classes, head.n_groups)
    with torch.no_grad():
        weight = head.linear.weight.double() / head.scale.double()
        shift = eraser.mean @ eraser.removal.T - head.mean.double()
        folded.linear.weight.copy_(weight - weight @ eraser.removal)
        folded.linear.bias.copy_(head.linear.bias.double() + weight @ shift)
    return folded
