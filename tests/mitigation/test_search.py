from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.mitigation.small_problem import random_cells

from fairfactor.mitigation.constraint import Constraint
from fairfactor.mitigation.dual import Dual
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.search import dual_path, explore, nearby, priced


def sampled(rows, n_classes, n_groups, seed=0):
    """Cells of a biased population, and rows whose labels and groups were drawn from them."""
    cells = random_cells(rows, n_classes, n_groups, seed)
    cells[:, 1, 0] *= 3
    cells /= cells.sum(dim=(1, 2), keepdim=True)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.multinomial(cells.flatten(1), 1, generator=generator)[:, 0]
    return cells, SimpleNamespace(labels=drawn // n_groups, groups=drawn % n_groups)


def explored(name, n_classes, n_groups, prior=None, **options):
    parts = {
        p: sampled(3000, n_classes, n_groups, s) for s, p in enumerate(("train", "validation"))
    }
    cells = {part: both[0] for part, both in parts.items()}
    rows = {part: both[1] for part, both in parts.items()}
    prior = cells["train"].mean(dim=0).numpy() if prior is None else prior
    group_names = tuple(map(str, range(n_groups)))
    family = rate_family(name, n_classes)
    return explore(cells, rows, prior, family, group_names, points=12, neighbours=12, **options)


@pytest.mark.parametrize(("n_classes", "n_groups"), [(2, 2), (2, 5), (3, 3)])
@pytest.mark.parametrize("name", ["demographic_parity", "equalized_odds"])
def test_reaches_from_the_most_accurate_rule_to_small_gaps(name, n_classes, n_groups):
    rules = explored(name, n_classes, n_groups)
    gaps = [Constraint(name, 0.0).value(counts) for counts in rules.counts.values()]
    largest = np.max(gaps, axis=0)
    assert largest.min() < 0.85 * largest[0]
    assert np.isfinite(rules.weights).all()
    unconstrained = np.broadcast_to(np.eye(n_classes)[:, :, None], rules.weights[0].shape)
    np.testing.assert_allclose(rules.weights[0], unconstrained)
    assert all(len(counts.cells) == len(rules.weights) for counts in rules.counts.values())


def test_floor_raises_the_worst_group():
    rules = explored("worst_group_accuracy", 2, 3)
    worst = Constraint("worst_group_accuracy", 0.0).value(rules.counts["validation"])
    assert worst.max() > worst[0]


def test_the_same_seed_gives_the_same_rules():
    first, second, other = (explored("equalized_odds", 2, 2, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.weights, second.weights)
    assert not np.array_equal(first.weights, other.weights)


def test_shares_that_the_model_does_not_believe_in_do_not_let_multipliers_run_away():
    """With shares of the labels, not even a constant rule has equal rates in the model's eyes."""
    prior = np.random.default_rng(0).dirichlet(np.ones(18)).reshape(3, 6)
    rules = explored("equalized_odds", 3, 6, prior=prior)
    assert np.abs(rules.weights).max() < 1000


def test_path_starts_at_zero_and_goes_beyond_its_end():
    cells = random_cells(500, 2, 2).numpy()
    family, prior = rate_family("demographic_parity", 2), cells.mean(axis=0)
    path = dual_path(cells, family, prior, 6)
    assert path.shape == (10, 1, 2)
    assert (path[0] == 0).all()
    np.testing.assert_allclose(path[-1], 1.35 * path[6])


@pytest.mark.parametrize("size", [(1, 2), (4, 10)])
def test_neighbours_are_as_far_away_in_any_number_of_dimensions(size):
    family = rate_family("equalized_odds", 2)
    generator = np.random.default_rng(0)
    found = nearby(np.zeros((3, *size)), np.ones(size), family, 400, generator)
    assert found.shape == (1200, *size)
    np.testing.assert_allclose(found.sum(axis=2), 0, atol=1e-12)
    distance = np.sqrt((found**2).sum(axis=(1, 2)).mean())
    assert 0.2 < distance < 0.6


@pytest.mark.parametrize("name", ["demographic_parity", "equalized_odds", "equal_opportunity"])
@pytest.mark.parametrize(("n_classes", "n_groups"), [(2, 2), (3, 3)])
def test_prices_lead_to_one_decision_for_everyone_without_a_gap(name, n_classes, n_groups):
    cells = sampled(3000, n_classes, n_groups)[0].numpy()
    family, prior = rate_family(name, n_classes), cells.mean(axis=0, dtype=np.float64)
    dual = Dual(cells, family, prior)
    frequent = int(prior.sum(axis=1).argmax())
    shares = []
    for multipliers in priced(cells, family, prior, np.zeros_like(family.shares(prior))):
        assert dual.gaps(multipliers).max() < 0.01
        weights = family.decision_weights(multipliers, prior)
        decided = np.einsum("cys,xys->xc", weights, cells).argmax(axis=1)
        shares.append((decided == frequent).mean())
    assert shares == sorted(shares)
    assert shares[-1] > shares[0]


def test_a_floor_has_no_prices():
    cells = random_cells(100, 2, 3).numpy()
    family = rate_family("worst_group_accuracy", 2)
    assert len(priced(cells, family, cells.mean(axis=0), np.zeros((1, 3)))) == 0
