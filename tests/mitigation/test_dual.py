from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from tests.mitigation.small_problem import random_cells
from tests.oracles.fair_classifier import best_accuracy, joint_rates

from fairfactor.mitigation.dual import Dual
from fairfactor.mitigation.rates import rate_family

SHARP = 2e-4


def make_dual(name, n_classes=2, n_groups=2, rows=12, temperature=SHARP, seed=0):
    cells = random_cells(rows, n_classes, n_groups, seed).numpy()
    return Dual(cells, rate_family(name, n_classes), cells.mean(axis=0), temperature)


@pytest.mark.parametrize("name", ["demographic_parity", "equal_opportunity", "equalized_odds"])
@pytest.mark.parametrize("tolerance", [0.3, 0.1, 0.02, 0.0])
def test_optimum_is_that_of_the_linear_programme(name, tolerance):
    dual = make_dual(name)
    multipliers = next(dual.path([tolerance], iterations=2000))
    value = dual.value_and_rates(multipliers)[0] + tolerance / 2 * np.abs(multipliers).sum()
    uniform = np.full(12, 1 / 12)
    family = dual.family
    expected = best_accuracy(uniform, dual.probabilities, family.hits, family.events, tolerance)
    assert value == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", ["demographic_parity", "equalized_odds"])
def test_three_classes_and_groups_stay_within_the_tolerance(name):
    dual = make_dual(name, 3, 3, rows=400, temperature=0.01)
    for tolerance, multipliers in zip(
        [0.1, 0.03, 0.0], dual.path([0.1, 0.03, 0.0], iterations=400), strict=True
    ):
        assert dual.gaps(multipliers).max() <= tolerance + 5e-3
        np.testing.assert_allclose(multipliers.sum(axis=1), 0, atol=1e-12)


def test_floor_optimum_is_that_of_the_linear_programme():
    dual = make_dual("worst_group_accuracy", 2, 3)
    rates = dual.value_and_rates(np.zeros((1, 3)))[1]
    floor = float(rates.min()) + 0.02
    multipliers = next(dual.path([floor], iterations=2000))
    value = dual.value_and_rates(multipliers)[0] + floor * multipliers.sum()
    uniform = np.full(12, 1 / 12)
    family = dual.family
    expected = best_accuracy(uniform, dual.probabilities, family.hits, family.events, floor=floor)
    assert (multipliers <= 0).all()
    assert value == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", ["demographic_parity", "equalized_odds"])
def test_no_classifier_beats_the_rule_at_its_own_gaps(name):
    """Enumerate all deterministic classifiers of eight kinds of rows."""
    dual = make_dual(name, rows=8)
    family, uniform = dual.family, np.full(8, 1 / 8)
    multipliers = next(dual.path([0.1], iterations=2000))
    weights = family.decision_weights(multipliers, dual.prior)
    chosen = np.einsum("cys,xys->xc", weights, dual.probabilities).argmax(axis=1)

    def lagrangian(decided):
        decisions = np.eye(2)[list(decided)]
        rates = joint_rates(decisions, uniform, dual.probabilities, family.hits, family.events)
        return (decisions * dual.probabilities.sum(axis=2)).sum() / 8 - (multipliers * rates).sum()

    best = max(lagrangian(decided) for decided in product(range(2), repeat=8))
    assert lagrangian(chosen) == pytest.approx(best)


@pytest.mark.parametrize("name", ["equalized_odds", "worst_group_accuracy"])
def test_gradient(name):
    dual = make_dual(name, 3, 4, rows=50, temperature=0.05)
    size = len(dual.family.hits) * 4 * (1 if dual.family.is_floor else 2)
    parts = np.random.default_rng(0).random(size) * 0.2
    error = check_grad(
        lambda p: dual._objective(p, 0.1)[0], lambda p: dual._objective(p, 0.1)[1], parts
    )
    assert error < 1e-5


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), mix=st.floats(0, 1))
def test_objective_is_convex(seed, mix):
    dual = make_dual("equalized_odds", 2, 3, temperature=0.02, seed=seed)
    generator = np.random.default_rng(seed)
    a, b = generator.random((2, 12))
    between = dual._objective(mix * a + (1 - mix) * b, 0.05)[0]
    ends = mix * dual._objective(a, 0.05)[0] + (1 - mix) * dual._objective(b, 0.05)[0]
    assert between <= ends + 1e-12


def test_a_group_without_rows_is_left_out():
    cells = random_cells(60, 2, 3).numpy()
    cells[:, :, 2] = 0
    cells /= cells.sum(axis=(1, 2), keepdims=True)
    dual = Dual(cells, rate_family("equalized_odds", 2), cells.mean(axis=0))
    for multipliers in dual.path([0.05, 0.0]):
        assert np.isfinite(multipliers).all()
        assert (multipliers[:, 2] == 0).all()
    assert dual.gaps(multipliers).max() < 0.01


def test_multipliers_do_not_run_away_from_a_floor_that_no_rule_reaches():
    dual = make_dual("worst_group_accuracy", 2, 3)
    for multipliers in dual.path([0.9, 0.99], iterations=2000):
        assert multipliers.min() == pytest.approx(-1000)
        assert np.isfinite(dual.value_and_rates(multipliers)[0])


@pytest.mark.parametrize("name", ["equalized_odds", "worst_group_accuracy"])
def test_a_start_at_the_optimum_stays_there(name):
    dual = make_dual(name, 2, 3, temperature=0.01)
    rates = dual.value_and_rates(np.zeros((len(dual.family.hits), 3)))[1]
    tolerance = float(rates.min()) + 0.02 if dual.family.is_floor else 0.02
    [found] = dual.path([tolerance], iterations=2000)
    [again] = dual.path([tolerance], start=found, iterations=3)
    assert np.abs(found).max() > 0
    np.testing.assert_allclose(again, found, atol=1e-3)
