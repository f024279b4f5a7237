"""FairLRF (Guo, Xia and Shi 2025, arXiv:2511.16549): entries of SVD factors removed, no training.

Our reading, because the authors publish no code. Every linear layer is replaced by its truncated
SVD. An entry θ of a factor U or V has for group s the saliency ½ h_s θ², the rise of the group's
loss when θ becomes 0, with the diagonal of the group's Fisher information as the curvature h_s.
Removed are the entries with the largest saliency for the favoured group minus that for the other
one, as in FairPrune (arXiv:2203.02110) by the same laboratory; favoured is the group of the higher
true positive rate.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from fairfactor.factorization import plain_svd
from fairfactor.fairness import confusion_counts
from fairfactor.importance import group_fisher
from fairfactor.part import Part
from fairfactor.peers.networks import network_result
from fairfactor.peers.peer import Peer, PeerResult, Setting, strengths, two_classes_two_groups
from fairfactor.problem import Problem, predict_classes
from fairfactor.surgery import replace_layer, weight_matrix

RANK_SHARE = 0.25
"""Rank of each truncated SVD, as a share of the layer's full rank."""


def fit_fairlrf(problem: Problem, setting: Setting) -> PeerResult:
    """Factorise a copy of the backbone and remove the entries that favour one group.

    Args:
        problem: The problem, of two groups and two classes.
        setting: ``removed``, the share of all entries that is removed.

    Returns:
        Its predictions.
    """
    network = copy.deepcopy(problem.backbone)
    for name, layer in problem.backbone.named_children():
        if isinstance(layer, nn.Linear):
            rank = max(1, round(RANK_SHARE * min(layer.weight.shape)))
            replace_layer(network, name, plain_svd(weight_matrix(layer), rank, split="balanced"))
    factors = {
        name: layer.weight
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear)
    }
    scores = _favouring(network, problem.train.grouped, list(factors))
    everything = torch.cat([score.flatten() for score in scores.values()])
    count = max(1, round(setting["removed"] * len(everything)))
    limit = everything.topk(count).values[-1]
    with torch.no_grad():
        for name, factor in factors.items():
            factor[scores[name] >= limit] = 0
    return network_result(problem, network, trained=0)


def _favouring(network: nn.Module, part: Part, layers: list[str]) -> dict[str, Tensor]:
    """Return ½ (h_favoured − h_other) θ² of every entry of every factor."""
    predicted = predict_classes(network, part.inputs)
    counts = confusion_counts(part.labels.numpy(), predicted, part.groups.numpy(), n_classes=2)
    favoured = int(counts.true_positive_rates[:, 1].argmax())
    fisher = group_fisher(
        network,
        [(part.inputs, part.labels, part.groups)],
        layers=layers,
        statistics=("diagonal",),
    )
    scores = {}
    for name in layers:
        curvature = fisher[name].diagonal
        weight = network.get_submodule(name).weight
        assert curvature is not None
        assert isinstance(weight, Tensor)
        difference = curvature[favoured] - curvature[1 - favoured]
        scores[name] = difference * weight.detach().double() ** 2 / 2
    return scores


FAIRLRF = Peer(
    "fairlrf",
    "FairLRF (our reading)",
    "equalized_odds",
    fit_fairlrf,
    settings=strengths("removed", 0.00003, 0.0001, 0.0003, 0.001, 0.003),
    supports=two_classes_two_groups,
)
