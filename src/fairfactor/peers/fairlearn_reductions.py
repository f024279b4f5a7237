"""Exponentiated gradient (Agarwal et al. 2018, arXiv:1803.02453) on logistic regression.

A randomised mixture of classifiers under a bound on the gap, the method's one strength. It refits
its learner on new weights dozens of times, so the learner is a linear one and not our network.
"""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fairfactor.part import Part
from fairfactor.peers.peer import Peer, PeerResult, Setting, Target, strengths, two_classes
from fairfactor.problem import Problem


def fit_exponentiated_gradient(problem: Problem, setting: Setting, *, target: Target) -> PeerResult:
    """Fit the mixture with Fairlearn.

    Args:
        problem: The problem.
        setting: ``bound`` on the gap in the training rows.
        target: Which gap is bounded.

    Returns:
        Its predictions, drawn with the problem's seed.
    """
    from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient
    from sklearn.linear_model import LogisticRegression

    constraint = DemographicParity if target == "demographic_parity" else EqualizedOdds
    mitigator = ExponentiatedGradient(
        # Newton steps: with far more rows than columns they take less time than L-BFGS.
        LogisticRegression(solver="newton-cholesky", max_iter=200),
        constraint(difference_bound=setting["bound"]),
    )
    train = problem.train.grouped
    with warnings.catch_warnings():
        # Fairlearn 0.15 grows series in a way that pandas 3 announces to end.
        warnings.filterwarnings("ignore", "Setting a", DeprecationWarning, r"fairlearn\.reductions")
        mitigator.fit(_inputs(train), train.labels.numpy(), sensitive_features=train.groups.numpy())
    validation, test = (
        mitigator.predict(_inputs(part), random_state=problem.seed).astype(np.int64)
        for part in (problem.validation, problem.test)
    )
    members = int((mitigator.weights_ > 0).sum())
    return PeerResult(validation, test, trained_parameters=members * (problem.widths[0] + 1))


def _inputs(part: Part) -> NDArray[np.float64]:
    return part.inputs.double().numpy()


EXPONENTIATED_GRADIENT_DP = Peer(
    "exponentiated-gradient-dp",
    "Fairlearn exponentiated gradient (logistic), demographic parity",
    "demographic_parity",
    partial(fit_exponentiated_gradient, target="demographic_parity"),
    package="fairlearn",
    settings=strengths("bound", 0.1, 0.06, 0.03, 0.01, 0.002),
    same_backbone=False,
    supports=two_classes,
)
EXPONENTIATED_GRADIENT_EO = Peer(
    "exponentiated-gradient-eo",
    "Fairlearn exponentiated gradient (logistic), equalised odds",
    "equalized_odds",
    partial(fit_exponentiated_gradient, target="equalized_odds"),
    package="fairlearn",
    settings=strengths("bound", 0.04, 0.03, 0.02, 0.01, 0.001),
    same_backbone=False,
    supports=two_classes,
)
