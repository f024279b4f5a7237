"""Thresholds for each group (Hardt et al. 2016, arXiv:1610.02413) on the backbone's score.

They are fitted on the validation rows, which the network has not seen, decide some rows at random,
and need the group of a row to predict its class.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fairfactor.groups import EXCLUDED
from fairfactor.part import Part
from fairfactor.peers.peer import NO_KNOB, Peer, PeerResult, Setting, Target, strengths, two_classes
from fairfactor.pipeline import predict_probabilities
from fairfactor.problem import Problem


def _score_column() -> Any:
    """Make a fitted classifier whose only input is the probability that it returns."""
    from sklearn.base import BaseEstimator, ClassifierMixin  # a second that the CLI need not wait

    class ScoreColumn(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, _scores: object, _labels: object) -> Self:
            """Do nothing: the scores are final."""
            return self

        def predict_proba(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
            """Return [1 − p, p] for the column of p, shape (n, 1)."""
            return np.hstack([1 - scores, scores])

        def __sklearn_is_fitted__(self) -> bool:
            """Tell scikit-learn that nothing is left to fit."""
            return True

    return ScoreColumn()


def fit_threshold_optimizer(problem: Problem, setting: Setting, *, target: Target) -> PeerResult:
    """Fit the thresholds with Fairlearn.

    Args:
        problem: The problem.
        setting: ``tolerance``, the gap that may remain; none for equalised odds.
        target: Which gap is closed.

    Returns:
        Its predictions, drawn with the problem's seed.
    """
    from fairlearn.postprocessing import ThresholdOptimizer

    optimizer = ThresholdOptimizer(
        estimator=_score_column(),
        constraints=target,
        prefit=True,
        predict_method="predict_proba",
        tol=setting.get("tolerance"),
    )
    fitted = problem.validation.grouped
    optimizer.fit(
        _scores(problem, fitted), fitted.labels.numpy(), sensitive_features=fitted.groups.numpy()
    )
    validation, test = (
        optimizer.predict(
            _scores(problem, part),
            sensitive_features=part.groups.numpy(),
            random_state=problem.seed,
        ).astype(np.int64)
        for part in (problem.validation, problem.test)
    )
    return PeerResult(validation, test, trained_parameters=None)


def _every_row_grouped(problem: Problem) -> str | None:
    """Accept two classes if every row to predict has a group."""
    excluded = (problem.validation.groups == EXCLUDED).sum() + (
        problem.test.groups == EXCLUDED
    ).sum()
    return two_classes(problem) or (f"{excluded} rows have no group" if excluded else None)


def _scores(problem: Problem, part: Part) -> NDArray[np.float64]:
    """Return P(class 1), shape (n, 1), in float64 because Fairlearn 0.15 fails on float32."""
    probabilities = predict_probabilities(problem.backbone, part.inputs)
    return probabilities[:, 1:].double().numpy()


THRESHOLD_DP = Peer(
    "threshold-dp",
    "Fairlearn thresholds for each group, demographic parity",
    "demographic_parity",
    partial(fit_threshold_optimizer, target="demographic_parity"),
    package="fairlearn",
    settings=strengths("tolerance", 0.1, 0.07, 0.04, 0.02, 0.0),
    groups_at_prediction=True,
    supports=_every_row_grouped,
)
THRESHOLD_EO = Peer(
    "threshold-eo",
    "Fairlearn thresholds for each group, equalised odds",
    "equalized_odds",
    partial(fit_threshold_optimizer, target="equalized_odds"),
    package="fairlearn",
    settings=NO_KNOB,  # Fairlearn cannot relax equalised odds
    groups_at_prediction=True,
    supports=_every_row_grouped,
)
