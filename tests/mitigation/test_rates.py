import numpy as np
import pytest
from tests.mitigation.small_problem import random_cells
from tests.oracles.fair_classifier import joint_rates

from fairfactor.errors import ArgumentError
from fairfactor.fairness import confusion_counts
from fairfactor.mitigation.constraint import Constraint
from fairfactor.mitigation.rates import joined, rate_family


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "name", ["demographic_parity", "equal_opportunity", "false_positive_rate", "equalized_odds"]
)
def test_gaps_of_the_rates_are_the_metric(name, n_classes):
    generator = np.random.default_rng(0)
    true, predicted = generator.integers(n_classes, size=(2, 600))
    groups = generator.integers(3, size=600)
    cells = np.zeros((600, n_classes, 3))
    cells[np.arange(600), true, groups] = 1
    family = rate_family(name, n_classes)
    decisions = np.eye(n_classes)[predicted]
    rates = joint_rates(decisions, np.full(600, 1 / 600), cells, family.hits, family.events)
    value = Constraint(name, 0.0).value(confusion_counts(true, predicted, groups))
    assert np.ptp(rates, axis=1).max() == pytest.approx(float(value))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "name",
    ["demographic_parity", "equalized_odds", "rms_true_positive_rate", "worst_group_error"],
)
def test_excess_of_counts_is_the_metric(name, n_classes):
    generator = np.random.default_rng(0)
    true, predicted, groups = generator.integers(n_classes, size=(3, 300))
    counts = confusion_counts(true, predicted, groups)
    expected = float(Constraint(name, 0.0).value(counts))
    assert float(rate_family(name, n_classes).excess(counts)) == pytest.approx(expected)


def test_freedom_counts_the_multipliers():
    prior = np.array([[0.3, 0.2, 0.1], [0.2, 0.2, 0.0]])
    assert rate_family("demographic_parity", 2).freedom(prior) == 2
    assert rate_family("equal_opportunity", 2).freedom(prior) == 1
    assert rate_family("equalized_odds", 2).freedom(prior) == 3
    assert rate_family("worst_group_error", 2).freedom(prior) == 3


def test_worst_group_rates_are_accuracies():
    family = rate_family("worst_group_error", 3)
    assert family.is_floor
    np.testing.assert_array_equal(family.hits[0], np.eye(3))
    np.testing.assert_array_equal(family.events[0], np.ones(3))


@pytest.mark.parametrize(("n_classes", "n_groups"), [(2, 2), (2, 5), (3, 3)])
def test_weights_score_the_lagrangian(n_classes, n_groups):
    """Σ_x p(x) score of the decision = accuracy − Σ λ r, for any decisions and multipliers."""
    generator = np.random.default_rng(1)
    cells = random_cells(20, n_classes, n_groups).numpy()
    prior = cells.mean(axis=0)
    family = joined([rate_family(n, n_classes) for n in ("equalized_odds", "demographic_parity")])
    multipliers = generator.normal(size=(len(family.hits), n_groups))
    weights = family.decision_weights(multipliers, prior)
    scores = np.einsum("cys,xys->xc", weights, cells)
    decisions = np.eye(n_classes)[generator.integers(n_classes, size=20)]
    uniform = np.full(20, 1 / 20)
    rates = joint_rates(decisions, uniform, cells, family.hits, family.events)
    accuracy = (decisions * cells.sum(axis=2)).sum() / 20
    expected = accuracy - (multipliers * rates).sum()
    assert (decisions * scores).sum() / 20 == pytest.approx(expected)


def test_demographic_parity_weights_are_the_threshold_rule():
    prior = np.array([[0.5, 0.2], [0.1, 0.2]])
    weights = rate_family("demographic_parity", 2).decision_weights(np.array([[0.3, -0.3]]), prior)
    p = random_cells(5, 2, 2).numpy()
    scores = np.einsum("cys,xys->xc", weights, p)
    threshold = p[:, 1].sum(1) - 0.3 * (p[:, :, 0].sum(1) / 0.6 - p[:, :, 1].sum(1) / 0.4)
    np.testing.assert_allclose(scores[:, 0], p[:, 0].sum(1))
    np.testing.assert_allclose(scores[:, 1], threshold)


def test_a_cell_without_rows_has_no_cost():
    prior = np.array([[0.5, 0.3], [0.2, 0.0]])
    weights = rate_family("equal_opportunity", 2).decision_weights(np.array([[1.0, -1.0]]), prior)
    assert np.isfinite(weights).all()
    assert weights[1, 1, 1] == 1


def test_accuracy_compares_no_rates():
    with pytest.raises(ArgumentError, match="constraint="):
        rate_family("accuracy", 2)


@pytest.mark.parametrize("favoured", [0, 1, 2])
@pytest.mark.parametrize("name", ["demographic_parity", "equalized_odds"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_price_makes_other_decisions_dearer_by_the_same_for_every_row(n_classes, name, favoured):
    favoured = min(favoured, n_classes - 1)
    family = rate_family(name, n_classes)
    cells = random_cells(50, n_classes, 3).numpy()
    prior = cells.mean(axis=0, dtype=np.float64)
    weights = family.decision_weights(0.3 * family.price(prior, favoured), prior)
    scores = np.einsum("cys,xys->xc", weights, cells)
    expected = cells.sum(axis=2) - 0.3 * (np.arange(n_classes) != favoured)
    relative = [values - values[:, :1] for values in (scores, expected)]
    np.testing.assert_allclose(*relative, atol=1e-6)
