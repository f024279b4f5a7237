"""Last-layer fairness fine-tuning (Mao et al. 2023, arXiv:2304.03935).

The backbone is frozen and its last layer trained on, full batches of cross-entropy with a penalty
on the gap. The penalties are those of `fairfactor.peers.gap_penalty`: the authors' own divide by
the size of the group where the rate of a class needs the rows of that class in the group.
"""

from __future__ import annotations

import copy
from functools import partial

import torch

from fairfactor.features import layer_inputs
from fairfactor.peers.gap_penalty import (
    Penalty,
    demographic_parity_penalty,
    equalized_odds_penalty,
    penalized,
)
from fairfactor.peers.networks import network_result
from fairfactor.peers.peer import Peer, PeerResult, Setting, strengths
from fairfactor.problem import Problem
from fairfactor.training import LEARNING_RATE

STEPS = 500


def fit_last_layer(problem: Problem, setting: Setting, *, penalty: Penalty) -> PeerResult:
    """Train a copy of the last layer on the frozen features.

    Args:
        problem: The problem.
        setting: ``strength`` of the penalty.
        penalty: The penalty.

    Returns:
        Its predictions.
    """
    train = problem.train.grouped
    features = layer_inputs(problem.backbone, "head", train.inputs)
    network = copy.deepcopy(problem.backbone)
    head = network.get_submodule("head")
    loss = penalized(penalty, setting["strength"])
    optimizer = torch.optim.Adam(head.parameters(), lr=LEARNING_RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(head(features), train.labels, train.groups).backward()
        optimizer.step()
    trained = sum(parameter.numel() for parameter in head.parameters())
    return network_result(problem, network, trained)


LAST_LAYER_DP = Peer(
    "last-layer-dp",
    "Last-layer gap penalty, demographic parity",
    "demographic_parity",
    partial(fit_last_layer, penalty=demographic_parity_penalty),
    settings=strengths("strength", 0.1, 0.3, 1.0, 3.0, 10.0),
)
LAST_LAYER_EO = Peer(
    "last-layer-eo",
    "Last-layer gap penalty, equalised odds",
    "equalized_odds",
    partial(fit_last_layer, penalty=equalized_odds_penalty),
    settings=strengths("strength", 0.1, 0.3, 1.0, 3.0, 10.0),
)
