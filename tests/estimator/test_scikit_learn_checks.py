"""Every check that scikit-learn has for estimators, none of them excused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fairfactor.estimator import FairFactorClassifier

# scikit-learn's data frames without text as names, which it warns of itself, are part of a check.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")


@parametrize_with_checks([FairFactorClassifier()])
def test_defaults(estimator: FairFactorClassifier, check: Callable[..., None]) -> None:
    check(estimator)
