"""What tuning changed in the network, as a diagnosis."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from fairfactor.diagnosis import Diagnosis, LayerPair, diagnose_layer, diagnose_models
from fairfactor.importance import GroupFisher, group_fisher
from fairfactor.mitigation.fair_model import FairModel
from fairfactor.mitigation.low_rank_cells import FactorNetwork
from fairfactor.part import Part
from fairfactor.problem import Problem
from fairfactor.studies.tuning import Tuning
from fairfactor.surgery import LowRankLayer

BATCH_SIZE = 4096


def diagnose_tuning(tuning: Tuning) -> Diagnosis:
    """Compare the unmitigated network with the chosen model on the validation rows.

    The model was built and trained at once, so there is no stage between: what is known is the
    pre-trained network, and the tuned one with its decision rule.

    Args:
        tuning: A finished tuning.

    Returns:
        The diagnosis. Its layers are those of the backbone, replaced or not; the first may have
        been widened before.
    """
    problem, chosen = tuning.problem, tuning.tuned.chosen
    pairs = _layer_pairs(problem.backbone, chosen.cell_model)
    fishers = _fishers(problem)
    return diagnose_models(
        problem.backbone,
        None,
        chosen.decide,
        [((x, groups), labels, groups) for x, labels, groups in _batches(problem.validation)],
        {
            name: diagnose_layer(pairs.get(name, LayerPair(problem.backbone)), fisher)
            for name, fisher in fishers.items()
        },
        group_names=problem.group_names,
        forward=_decide,
    )


def _decide(model: nn.Module, inputs: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Run a model on inputs, and on groups if it asks for them."""
    features, groups = inputs
    asks = isinstance(model, FairModel) and model.groups_at_prediction
    return cast("torch.Tensor", model(features, groups) if asks else model(features))


def _fishers(problem: Problem) -> dict[str, GroupFisher]:
    """Group Fisher of every linear layer on the training rows, of the groups that have some."""
    train = problem.train.grouped
    present, codes = torch.unique(train.groups, return_inverse=True)
    return group_fisher(
        problem.backbone,
        _batches(Part(train.inputs, train.labels, codes)),
        layers="all-linear",
        group_names=[problem.group_names[code] for code in present.tolist()],
    )


def _layer_pairs(backbone: nn.Module, model: nn.Module) -> dict[str, LayerPair]:
    """Find each low-rank layer of a model, and the layer of the backbone that it replaced.

    Returns:
        By name in the backbone.
    """
    pairs: dict[str, LayerPair] = {}
    for network in model.modules():
        if isinstance(network, FactorNetwork):
            sizes = (len(network.expand.values), network.n_classes, network.n_groups)
            before: nn.Module = FactorNetwork(backbone, *sizes).trunk
            after: nn.Module = network.trunk
        elif isinstance(network, type(backbone)):
            before, after = backbone, network
        else:
            continue
        originals = dict(before.named_children())
        for name, layer in after.named_children():
            if isinstance(layer, LowRankLayer) and name in originals:
                pairs.setdefault(name, LayerPair(originals[name], trained=layer))
    return pairs


def _batches(part: Part) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    return list(
        zip(
            part.inputs.split(BATCH_SIZE),
            part.labels.split(BATCH_SIZE),
            part.groups.split(BATCH_SIZE),
            strict=True,
        )
    )
