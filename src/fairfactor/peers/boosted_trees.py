"""Gradient-boosted trees with the Bayes-optimal rule for demographic parity.

Of all decisions with a given gap that do not see the group, the most accurate one is 1 where

    p(y = 1 | x) − ½ > λ (p(s = 1 | x) / π₁ − p(s = 0 | x) / π₀),

with π_s the share of group s and a λ that sets the gap (Chen et al. 2024, arXiv:2310.05725; Zeng et
al. 2024, arXiv:2402.02817). Trees estimate both probabilities: on tables, the strongest opponent.
They read what the encoder gives, without scores of other trees beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairfactor.fairness import accuracy, confusion_counts, demographic_parity_difference
from fairfactor.part import Part
from fairfactor.peers.peer import Peer, PeerResult, Setting, strengths, two_classes_two_groups
from fairfactor.problem import Problem

MULTIPLIERS = np.linspace(-0.5, 0.5, 1001)
"""The λ to choose from."""


def fit_boosted_trees(problem: Problem, setting: Setting) -> PeerResult:
    """Fit two ensembles on the training rows, and λ on the validation rows.

    Args:
        problem: The problem, of two groups and two classes.
        setting: ``bound`` on the gap in the validation rows.

    Returns:
        Its predictions: the most accurate within the bound, or else those of the smallest gap.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    train = problem.train.grouped
    columns = len(problem.encoder.feature_names)

    def encoded(part: Part) -> NDArray[np.float32]:
        inputs: NDArray[np.float32] = part.inputs[:, :columns].numpy()
        return inputs

    inputs, labels, groups = encoded(train), train.labels.numpy(), train.groups.numpy()
    label_model = HistGradientBoostingClassifier(random_state=problem.seed).fit(inputs, labels)
    group_model = HistGradientBoostingClassifier(random_state=problem.seed).fit(inputs, groups)
    shares = np.bincount(groups) / len(groups)

    def terms(part: Part) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        excess = label_model.predict_proba(encoded(part))[:, 1] - 0.5
        belonging = group_model.predict_proba(encoded(part)) / shares
        return excess, belonging[:, 1] - belonging[:, 0]

    multiplier = _best_multiplier(*terms(problem.validation), problem.validation, setting["bound"])
    validation, test = (
        _decide(*terms(part), multiplier) for part in (problem.validation, problem.test)
    )
    return PeerResult(validation, test, trained_parameters=None)


def _best_multiplier(
    excess: NDArray[np.float64], belonging: NDArray[np.float64], part: Part, bound: float
) -> float:
    """Return the λ of the most accurate decisions within the bound, or of the smallest gap."""
    labels, groups = part.labels.numpy(), part.groups.numpy()
    outcomes = []
    for multiplier in MULTIPLIERS:
        decisions = _decide(excess, belonging, multiplier)
        counts = confusion_counts(labels, decisions, groups, n_classes=2)
        gap = float(demographic_parity_difference(counts))
        outcomes.append((max(gap, bound), -float(accuracy(counts)), float(multiplier)))
    return min(outcomes)[-1]


def _decide(
    excess: NDArray[np.float64], belonging: NDArray[np.float64], multiplier: float
) -> NDArray[np.int64]:
    return (excess > multiplier * belonging).astype(np.int64)


BOOSTED_TREES = Peer(
    "boosted-trees-dp",
    "Gradient-boosted trees, Bayes-optimal rule",
    "demographic_parity",
    fit_boosted_trees,
    settings=strengths("bound", 0.1, 0.07, 0.04, 0.02, 0.0),
    same_backbone=False,
    reads_tree_scores=False,
    supports=two_classes_two_groups,
)
