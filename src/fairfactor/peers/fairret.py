"""fairret (Buyl, Defrance and De Bie 2024, arXiv:2310.17256): a norm of the gaps as a penalty.

loss = cross-entropy + strength · Σ_s |rate_s / rate − 1|, with rates of probabilities in the batch:
the positive rate for demographic parity, true and false positive rates for equalised odds.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor
from torch.nn import functional

from fairfactor.peers.networks import network_result, train_with_loss
from fairfactor.peers.peer import Peer, PeerResult, Setting, Target, strengths, two_classes
from fairfactor.problem import Problem


def fit_fairret(problem: Problem, setting: Setting, *, target: Target) -> PeerResult:
    """Train a network with the package's norm loss added to the cross-entropy.

    Args:
        problem: The problem.
        setting: ``strength`` of the penalty.
        target: Which gap is the penalty.

    Returns:
        Its predictions.
    """
    from fairret.loss import NormLoss
    from fairret.statistic import (
        FalsePositiveRate,
        PositiveRate,
        StackedLinearFractionalStatistic,
        TruePositiveRate,
    )

    strength: float = setting["strength"]
    by_class = target == "equalized_odds"
    penalty = NormLoss(
        StackedLinearFractionalStatistic(TruePositiveRate(), FalsePositiveRate())
        if by_class
        else PositiveRate()
    )

    def loss(logits: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        score = (logits[:, 1] - logits[:, 0])[:, None]
        members = functional.one_hot(groups, len(problem.group_names)).to(score.dtype)
        truth = (labels[:, None].to(score.dtype),) if by_class else ()
        violation: Tensor = penalty(score, members, *truth)
        return functional.cross_entropy(logits, labels) + strength * violation

    return network_result(problem, train_with_loss(problem, loss))


FAIRRET_DP = Peer(
    "fairret-dp",
    "fairret norm, demographic parity",
    "demographic_parity",
    partial(fit_fairret, target="demographic_parity"),
    package="fairret",
    settings=strengths("strength", 0.02, 0.05, 0.1, 0.2, 0.5),
    supports=two_classes,
)
FAIRRET_EO = Peer(
    "fairret-eo",
    "fairret norm, equalised odds",
    "equalized_odds",
    partial(fit_fairret, target="equalized_odds"),
    package="fairret",
    settings=strengths("strength", 0.05, 0.1, 0.2, 0.5, 1.0),
    supports=two_classes,
)
