"""The estimator inside scikit-learn's and Fairlearn's tools."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.estimator.examples import people, quick

from fairfactor.errors import ArgumentError
from fairfactor.mitigation import Constraint

fairlearn_metrics = pytest.importorskip("fairlearn.metrics")
postprocessing = pytest.importorskip("fairlearn.postprocessing")
reductions = pytest.importorskip("fairlearn.reductions")


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_a_clone_has_the_parameters_and_fits_the_same() -> None:
    X, y, sex = people()
    first = quick(constraint="demographic_parity<=0.1").fit(X, y, sensitive_features=sex)
    second = clone(first)
    assert not hasattr(second, "model_")
    second.fit(X, y, sensitive_features=sex)
    np.testing.assert_array_equal(first.decision_function(X), second.decision_function(X))


@pytest.mark.usefixtures("routing")
def test_a_search_routes_groups_to_the_fit_and_to_the_score() -> None:
    X, y, sex = people()
    gap = make_scorer(
        fairlearn_metrics.demographic_parity_difference, greater_is_better=False
    ).set_score_request(sensitive_features=True)
    search = GridSearchCV(
        quick().set_fit_request(sensitive_features=True),
        {"constraint": [None, "demographic_parity<=0.05"]},
        scoring={"accuracy": get_scorer("accuracy"), "gap": gap},
        refit="gap",
        cv=2,
    )
    search.fit(X, y, sensitive_features=sex)
    assert search.best_params_ == {"constraint": "demographic_parity<=0.05"}
    free, bound = search.cv_results_["mean_test_gap"]
    assert -free > 0.1 > -bound
    assert search.best_estimator_.group_names_ == ("f", "m")


@pytest.mark.usefixtures("routing")
def test_a_pipeline_routes_groups_and_weights() -> None:
    X, y, sex = people()
    last = quick(constraint="demographic_parity<=0.1")
    last.set_fit_request(sensitive_features=True, sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    model = make_pipeline(scaler, last)
    number = X[["skill"]]
    model.fit(number, y, sensitive_features=sex, sample_weight=np.ones(len(y)))
    assert model[-1].constraint_met_ is not None
    assert model[-1].get_feature_names().tolist() == ["x0"]  # the scaler drops names


def test_a_pipeline_without_routing_takes_a_prefix() -> None:
    X, y, sex = people()
    model = make_pipeline(StandardScaler(), quick())
    model.fit(X[["skill"]], y, fairfactorclassifier__sensitive_features=sex)
    assert model[-1].group_names_ == ("f", "m")


@pytest.mark.usefixtures("routing")
def test_a_constraint_without_groups_says_how_to_route_them() -> None:
    X, y, _ = people(200)
    with pytest.raises(ArgumentError, match="set_fit_request"):
        cross_val_score(quick(constraint="demographic_parity<=0.1"), X, y, error_score="raise")


def test_fairlearn_measures_what_the_frontier_promises() -> None:
    X, y, sex = people()
    model = quick(constraint="demographic_parity<=0.1", confidence=None)
    model.fit(X, y, sensitive_features=sex)
    test, truth, groups = people(seed=7)
    frame = fairlearn_metrics.MetricFrame(
        metrics={"rate": fairlearn_metrics.selection_rate, "accuracy": accuracy_score},
        y_true=truth,
        y_pred=model.predict(test),
        sensitive_features=groups,
    )
    plain = quick().fit(X, y).predict(test)
    gap = fairlearn_metrics.demographic_parity_difference(truth, plain, sensitive_features=groups)
    assert frame.difference()["rate"] < gap - 0.05
    assert frame.overall["accuracy"] > 0.6


def test_fairlearn_moves_the_thresholds_of_a_fitted_model() -> None:
    X, y, sex = people()
    model = quick().fit(X, y)
    optimizer = postprocessing.ThresholdOptimizer(
        estimator=model,
        constraints="demographic_parity",
        prefit=True,
        predict_method="predict_proba",
    )
    optimizer.fit(X, y, sensitive_features=sex)
    decided = optimizer.predict(X, sensitive_features=sex, random_state=0)
    gap = fairlearn_metrics.demographic_parity_difference(y, decided, sensitive_features=sex)
    assert gap < 0.06
    assert model.predict_proba(X).dtype == np.float64


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # in Fairlearn
def test_fairlearn_reduces_to_weighted_fits() -> None:
    X, y, sex = people(300)
    mitigator = reductions.ExponentiatedGradient(
        quick(), reductions.DemographicParity(difference_bound=0.03), max_iter=3
    )
    mitigator.fit(X, y, sensitive_features=sex)
    rates = [
        np.mean(mitigator._pmf_predict(X[sex == group])[:, 1])  # before any coin is tossed
        for group in ("f", "m")
    ]
    plain = quick().fit(X, y).predict(X)
    free = [plain[sex == group].mean() for group in ("f", "m")]
    assert abs(np.subtract(*rates)) < abs(np.subtract(*free))


def test_the_frontier_serves_other_constraints() -> None:
    X, y, sex = people()
    model = quick().fit(X, y, sensitive_features=sex)
    assert model.frontier_ is not None
    found = model.frontier_.select([Constraint("demographic_parity", 0.05)])
    assert found.met
