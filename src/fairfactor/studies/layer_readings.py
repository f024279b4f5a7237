"""How well each layer of a network tells the groups apart, and along which of its directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.features import layer_inputs
from fairfactor.mitigation import FairModel, OperatingPoint
from fairfactor.mitigation.cell_head import CellHead
from fairfactor.part import Part
from fairfactor.problem import Problem
from fairfactor.surgery import LowRankLinear

PROBE_ROWS = 10_000
"""Most training rows that a probe is fitted on."""

DIRECTIONS = 3
"""Directions of a layer whose share is told apart; the others are added up."""

DECISION = "decision"
"""The name of the scores that decide, which are read like the inputs of one more layer."""


@dataclass(frozen=True)
class LayerReading:
    """What the inputs of one layer say about the groups.

    Attributes:
        layer: Its name, or `DECISION`.
        width: Number of its inputs.
        readability: For each group the area under the ROC curve of a linear probe for "of this
            group or not" on validation rows: 0.5 says nothing, 1 says all. ``None`` for a group
            without rows there.
        shares: Shares of the difference between group means that lie along the directions which
            the layer reads most strongly, Σ_s n_s (v_jᵀ (μ_s − μ))² / Σ_s n_s ‖μ_s − μ‖² for its
            first right singular vectors v_j; empty for scores, and if all means are equal.
    """

    layer: str
    width: int
    readability: tuple[float | None, ...]
    shares: tuple[float, ...]


def read_unmitigated(problem: Problem) -> tuple[LayerReading, ...]:
    """Read every linear layer of the backbone, and its scores.

    Args:
        problem: The pre-trained network and the rows; test rows are not looked at.

    Returns:
        One reading a layer that is called with one vector a row, in order, and one of the scores.
    """
    return (*_read_layers(problem, problem.backbone), _read_scores(problem, problem.backbone))


def read_point(problem: Problem, point: OperatingPoint) -> tuple[LayerReading, ...]:
    """Read every linear layer of the network that decides at a point, and its scores.

    Args:
        problem: The rows; test rows are not looked at.
        point: The point. Of its networks it is the one that tells the class.

    Returns:
        One reading a layer, in order, and one of the scores; only the scores of a point that
        decides the same for everyone.
    """
    network = point.cell_model.class_network
    layers = () if network is None else _read_layers(problem, network)
    return (*layers, _read_scores(problem, point.decide))


def _read_layers(problem: Problem, network: nn.Module) -> tuple[LayerReading, ...]:
    train, validation = _first(problem.train.grouped), problem.validation.grouped
    number = len(problem.group_names)
    readings = []
    for name, layer in _linear_layers(network):
        try:
            seen, fresh = (layer_inputs(network, name, part.inputs) for part in (train, validation))
        except ArgumentError:  # a layer whose weight is used without calling it
            continue
        if seen.ndim != 2:  # several positions a row have no one input to read
            continue
        readings.append(
            LayerReading(
                name,
                seen.shape[1],
                _readability(seen, train.groups, fresh, validation.groups, number),
                direction_shares(seen, train.groups, _weight(layer)),
            )
        )
    return tuple(readings)


def _read_scores(problem: Problem, deciding: nn.Module) -> LayerReading:
    train, validation = _first(problem.train.grouped), problem.validation.grouped
    scores = [_scores(deciding, part) for part in (train, validation)]
    readable = _readability(
        scores[0], train.groups, scores[1], validation.groups, len(problem.group_names)
    )
    return LayerReading(DECISION, scores[0].shape[1], readable, ())


def direction_shares(inputs: Tensor, groups: Tensor, weight: Tensor) -> tuple[float, ...]:
    """Shares of the difference between group means along the layer's strongest directions.

    Args:
        inputs: x, (rows × in).
        groups: Group codes, (rows,), none of them -1.
        weight: W, (out × in).

    Returns:
        Σ_s n_s (v_jᵀ (μ_s − μ))² / Σ_s n_s ‖μ_s − μ‖² for the first right singular vectors v_j of
        W, by falling singular value; empty if all means are equal.
    """
    x, w = inputs.double(), weight.double()
    _, codes, sizes = torch.unique(groups, return_inverse=True, return_counts=True)
    sums = x.new_zeros(len(sizes), x.shape[1]).index_add(0, codes, x)
    scaled = (sums / sizes[:, None] - x.mean(dim=0)) * sizes.double().sqrt()[:, None]
    total = float(scaled.square().sum())
    if total == 0:
        return ()
    strongest = torch.linalg.svd(w, full_matrices=False).Vh[:DIRECTIONS]
    return tuple((float(share) / total) for share in (scaled @ strongest.T).square().sum(dim=0))


def _readability(
    seen: Tensor, seen_groups: Tensor, fresh: Tensor, fresh_groups: Tensor, n_groups: int
) -> tuple[float | None, ...]:
    from sklearn.metrics import roc_auc_score  # slow to import, and a run does not need it

    probe = CellHead.fit(
        seen, torch.zeros_like(seen_groups), seen_groups, n_classes=1, n_groups=n_groups
    )
    with torch.no_grad():
        log_p = probe(fresh)[:, 0]
    areas: list[float | None] = []
    for group in range(n_groups):
        own = fresh_groups == group
        told = log_p[:, group] - torch.log1p(-log_p[:, group].exp().clamp(max=1 - 1e-6))
        both = bool(own.any()) and not bool(own.all())
        areas.append(float(roc_auc_score(own.numpy(), told.numpy())) if both else None)
    return tuple(areas)


def _scores(deciding: nn.Module, part: Part) -> Tensor:
    """What the decision compares: the scores less that of class 0."""
    asks = isinstance(deciding, FairModel) and deciding.groups_at_prediction
    with torch.no_grad():
        scores: Tensor = deciding(part.inputs, part.groups) if asks else deciding(part.inputs)
    return scores[:, 1:] - scores[:, :1]


def _linear_layers(network: nn.Module) -> list[tuple[str, nn.Linear | LowRankLinear]]:
    """Linear layers by name, two low-rank factors as one layer."""
    found: list[tuple[str, nn.Linear | LowRankLinear]] = []
    for name, module in network.named_modules():
        if isinstance(module, (nn.Linear, LowRankLinear)):
            inside = any(name.startswith(f"{outer}.") for outer, _ in found)
            found += [] if inside else [(name, module)]
    return found


def _weight(layer: nn.Linear | LowRankLinear) -> Tensor:
    if isinstance(layer, LowRankLinear):
        return (layer.up.weight @ layer.down.weight).detach()
    return layer.weight.detach()


def _first(part: Part) -> Part:
    return Part(part.inputs[:PROBE_ROWS], part.labels[:PROBE_ROWS], part.groups[:PROBE_ROWS])
