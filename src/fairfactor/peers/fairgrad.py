"""FairGrad (Maheshwari and Perrot 2022, arXiv:2206.10923): groups re-weighted at every step.

The weight of each group and class grows with the gap that is left, at the rate that is the method's
one strength; 0.01 is the package's default.
"""

from __future__ import annotations

import warnings
from functools import partial

from torch import Tensor

from fairfactor.peers.networks import network_result, train_with_loss
from fairfactor.peers.peer import Peer, PeerResult, Setting, strengths, two_classes
from fairfactor.problem import Problem


def fit_fairgrad(problem: Problem, setting: Setting, *, measure: str) -> PeerResult:
    """Train a network with the package's cross-entropy.

    Args:
        problem: The problem; each group needs training rows.
        setting: ``fairness_rate``, how fast the weights react.
        measure: ``"equal_odds"`` or ``"demographic_parity"``.

    Returns:
        Its predictions.
    """
    from fairgrad.torch import CrossEntropyLoss

    train = problem.train.grouped
    weighted_cross_entropy = CrossEntropyLoss(
        y_train=train.labels,
        s_train=train.groups,
        fairness_measure=measure,
        fairness_rate=setting["fairness_rate"],
    )
    # All other operands of the package are arrays; mixing them with a tensor warns in NumPy 2.
    weighted_cross_entropy.cumulative_fairness = weighted_cross_entropy.cumulative_fairness.numpy()

    def loss(logits: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        weighted: Tensor = weighted_cross_entropy(logits, labels, groups, mode="train")
        return weighted

    with warnings.catch_warnings():
        # A batch without rows of a group: the package keeps the gap of the batch before.
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        warnings.filterwarnings("ignore", "invalid value encountered", RuntimeWarning)
        return network_result(problem, train_with_loss(problem, loss))


FAIRGRAD_EO = Peer(
    "fairgrad-eo",
    "FairGrad, equalised odds",
    "equalized_odds",
    partial(fit_fairgrad, measure="equal_odds"),
    package="fairgrad",
    settings=strengths("fairness_rate", 0.003, 0.01, 0.02, 0.03, 0.05),
)
FAIRGRAD_DP = Peer(
    "fairgrad-dp",
    "FairGrad, demographic parity",
    "demographic_parity",
    partial(fit_fairgrad, measure="demographic_parity"),
    package="fairgrad",
    settings=strengths("fairness_rate", 0.003, 0.01, 0.03, 0.1, 0.3),
    supports=two_classes,
)
