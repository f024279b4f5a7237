"""OxonFair's two-head network (Delaney et al. 2024, arXiv:2407.13710).

A network with a second head that guesses the group; the decision is a linear combination of both
heads, searched on the validation rows for the best accuracy under a bound on the gap. No group is
needed to predict, because the heads can be merged into one.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fairfactor.part import Part
from fairfactor.peers.networks import train_with_loss
from fairfactor.peers.peer import (
    Peer,
    PeerResult,
    Setting,
    Target,
    strengths,
    two_classes_two_groups,
)
from fairfactor.problem import Problem


def fit_two_heads(problem: Problem, setting: Setting, *, target: Target) -> PeerResult:
    """Train both heads and combine them with OxonFair.

    Args:
        problem: The problem, of two groups: the search grows exponentially with their number.
        setting: ``bound`` on the gap in the validation rows.
        target: Which gap is bounded; for equalised odds the larger of its two gaps.

    Returns:
        Its predictions.
    """
    from oxonfair import DeepDataDict, DeepFairPredictor
    from oxonfair import group_metrics as metrics

    network = train_with_loss(problem, _two_head_loss, outputs=2)

    def heads(part: Part) -> NDArray[np.float64]:
        with torch.no_grad():
            outputs: NDArray[np.float64] = network(part.inputs).double().numpy()
        return outputs

    fitted = problem.validation.grouped
    combination = DeepFairPredictor(fitted.labels.numpy(), heads(fitted), fitted.groups.numpy())
    gap = (
        metrics.demographic_parity if target == "demographic_parity" else metrics.equalized_odds_max
    )
    combination.fit(metrics.accuracy, gap, setting["bound"])
    validation, test = (
        combination.predict(
            DeepDataDict(part.labels.numpy(), heads(part), part.groups.numpy())
        ).astype(np.int64)
        for part in (problem.validation, problem.test)
    )
    trained = sum(parameter.numel() for parameter in network.parameters())
    return PeerResult(validation, test, trained_parameters=trained)


def _two_head_loss(outputs: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
    """The loss of OxonFair's example: logistic for the class, squared error for the group."""
    targets = torch.stack([labels, groups], dim=1).to(outputs.dtype)
    return functional.binary_cross_entropy_with_logits(
        outputs[:, 0], targets[:, 0]
    ) + functional.mse_loss(outputs[:, 1], targets[:, 1])


OXONFAIR_DP = Peer(
    "oxonfair-dp",
    "OxonFair two heads, demographic parity",
    "demographic_parity",
    partial(fit_two_heads, target="demographic_parity"),
    package="oxonfair",
    settings=strengths("bound", 0.1, 0.07, 0.04, 0.02, 0.005),
    supports=two_classes_two_groups,
)
OXONFAIR_EO = Peer(
    "oxonfair-eo",
    "OxonFair two heads, equalised odds",
    "equalized_odds",
    partial(fit_two_heads, target="equalized_odds"),
    package="oxonfair",
    settings=strengths("bound", 0.06, 0.045, 0.03, 0.02, 0.01),
    supports=two_classes_two_groups,
)
