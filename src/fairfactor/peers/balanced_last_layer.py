"""Deep feature reweighting (Kirichenko, Izmailov and Wilson 2023, arXiv:2204.02937).

The backbone is frozen and its last layer replaced by a logistic regression, which is the mean of
ten fitted on random subsets with as many rows of every group and class. The subsets come from the
training rows, so that the validation rows stay free to choose the L1 strength.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairfactor.features import layer_inputs
from fairfactor.peers.peer import Peer, PeerResult, Setting, strengths, two_classes
from fairfactor.problem import Problem

SUBSETS = 10


def fit_balanced_last_layer(problem: Problem, setting: Setting) -> PeerResult:
    """Fit the mean of the balanced logistic regressions on standardised frozen features.

    Args:
        problem: The problem; each group needs training rows of each class.
        setting: ``inverse_l1``, scikit-learn's C.

    Returns:
        Its predictions.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    train = problem.train.grouped
    scaler = StandardScaler()
    features = scaler.fit_transform(
        layer_inputs(problem.backbone, "head", train.inputs).double().numpy()
    )
    labels = train.labels.numpy()
    cells = train.groups.numpy() * len(problem.class_names) + labels
    weights = np.zeros(features.shape[1] + 1)
    for subset in range(SUBSETS):
        rows = _balanced_rows(cells, np.random.default_rng((problem.seed, subset)))
        regression = LogisticRegression(
            l1_ratio=1,
            C=setting["inverse_l1"],
            solver="liblinear",
            max_iter=1000,
            random_state=0,
        )
        regression.fit(features[rows], labels[rows])
        weights += np.append(regression.coef_, regression.intercept_) / SUBSETS
    validation, test = (
        _decide(scaler.transform(layer_inputs(problem.backbone, "head", inputs).double()), weights)
        for inputs in (problem.validation.inputs, problem.test.inputs)
    )
    return PeerResult(validation, test, trained_parameters=len(weights))


def _balanced_rows(cells: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw as many rows of every cell as the smallest one has."""
    names, sizes = np.unique(cells, return_counts=True)
    return np.concatenate(
        [
            generator.choice(np.flatnonzero(cells == name), sizes.min(), replace=False)
            for name in names
        ]
    )


def _decide(features: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
    positive: NDArray[np.int64] = (features @ weights[:-1] + weights[-1] > 0).astype(np.int64)
    return positive


BALANCED_LAST_LAYER = Peer(
    "balanced-last-layer",
    "Group-balanced last layer (DFR)",
    "equalized_odds",
    fit_balanced_last_layer,
    settings=strengths("inverse_l1", 1.0, 0.3, 0.1, 0.03, 0.01),
    supports=two_classes,
)
