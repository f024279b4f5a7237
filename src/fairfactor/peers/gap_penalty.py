"""The gap itself as a penalty: one line that few published methods beat.

For demographic parity it is DiffDP of the Fair Fairness Benchmark (arXiv:2306.09468). Both
penalties are the gaps of `fairfactor.fairness` with probabilities in the place of decisions: the
largest rate of a group minus the smallest, for more than two classes the largest gap over classes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from fairfactor.peers.networks import network_result, train_with_loss
from fairfactor.peers.peer import Peer, PeerResult, Setting, strengths
from fairfactor.problem import Problem
from fairfactor.training import Loss

Penalty = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From logits (n × K), labels (n) and group codes (n) to a scalar."""


def demographic_parity_penalty(logits: Tensor, _labels: Tensor, groups: Tensor) -> Tensor:
    """max_c max_{s,s'} |mean_s p(c) − mean_{s'} p(c)|."""
    return _gaps(logits.softmax(dim=1), groups).max()


def equalized_odds_penalty(logits: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
    """max_c of the same gap among rows of class c, plus the one among rows of other classes."""
    probabilities = logits.softmax(dim=1)
    gaps = []
    for c in range(logits.shape[1]):
        hit, scores = labels == c, probabilities[:, c : c + 1]
        gaps.append(_gaps(scores[hit], groups[hit]) + _gaps(scores[~hit], groups[~hit]))
    return torch.cat(gaps).max()


def penalized(penalty: Penalty, strength: float) -> Loss:
    """The loss: cross-entropy + strength · penalty.

    Args:
        penalty: The penalty.
        strength: Its weight.

    Returns:
        The loss of a batch.
    """

    def loss(logits: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        return functional.cross_entropy(logits, labels) + strength * penalty(logits, labels, groups)

    return loss


def fit_gap_penalty(problem: Problem, setting: Setting, *, penalty: Penalty) -> PeerResult:
    """Train a network with the penalty.

    Args:
        problem: The problem.
        setting: ``strength`` of the penalty.
        penalty: The penalty.

    Returns:
        Its predictions.
    """
    loss = penalized(penalty, setting["strength"])
    return network_result(problem, train_with_loss(problem, loss))


def _gaps(scores: Tensor, groups: Tensor) -> Tensor:
    """Largest minus smallest group mean of each column; 0 with fewer than two groups of rows."""
    present = groups.unique()
    if len(present) < 2:
        return scores.sum(dim=0) * 0
    members = (groups == present[:, None]).to(scores.dtype)
    means: Tensor = members @ scores / members.sum(dim=1, keepdim=True)
    return means.amax(dim=0) - means.amin(dim=0)


GAP_PENALTY_DP = Peer(
    "gap-penalty-dp",
    "Gap penalty (DiffDP), demographic parity",
    "demographic_parity",
    partial(fit_gap_penalty, penalty=demographic_parity_penalty),
    settings=strengths("strength", 0.1, 0.2, 0.4, 0.6, 1.0),
)
GAP_PENALTY_EO = Peer(
    "gap-penalty-eo",
    "Gap penalty, equalised odds",
    "equalized_odds",
    partial(fit_gap_penalty, penalty=equalized_odds_penalty),
    settings=strengths("strength", 0.1, 0.2, 0.5, 1.0, 2.0),
)
