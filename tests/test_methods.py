from __future__ import annotations

import pytest
import torch

from fairfactor.errors import ArgumentError
from fairfactor.factorization import fisher_weighted, neutralized, plain_svd
from fairfactor.importance import GroupFisher
from fairfactor.methods import METHODS
from fairfactor.weighting import Measurement

FACTORISING = [name for name, method in METHODS.items() if method.weighting]


def random_fisher(groups: int = 2, inputs: int = 6, seed: int = 0) -> GroupFisher:
    generator = torch.Generator().manual_seed(seed)
    return GroupFisher(
        groups=tuple("abc"[:groups]),
        counts=torch.tensor([10, 30, 20][:groups]),
        row_importance=torch.rand(groups, inputs, generator=generator, dtype=torch.float64),
    )


@pytest.fixture
def weight() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 6, generator=generator, dtype=torch.float64)


def product(name: str, weight, rank=2, fisher=None, alpha=None):
    weighting = METHODS[name].weighting(alpha)
    return weighting.metrics(Measurement(fisher or random_fisher())).factorize(weight, rank).product


def test_the_papers_methods_and_the_control_are_there_in_order():
    assert list(METHODS) == [
        "pretrained",
        "head-tuning",
        "plain-svd",
        "pooled-fisher-svd",
        "neutralized",
    ]
    assert FACTORISING == ["plain-svd", "pooled-fisher-svd", "neutralized"]
    assert [name for name, method in METHODS.items() if not method.trained] == ["pretrained"]
    assert all(method.name == name and method.label for name, method in METHODS.items())


def test_plain_svd_does_not_look_at_the_data(weight):
    expected = plain_svd(weight, 2).product
    assert torch.equal(product("plain-svd", weight), expected)
    assert torch.equal(product("plain-svd", weight, fisher=random_fisher(seed=9)), expected)


def test_pooled_fisher_is_fwsvd_of_all_rows_together(weight):
    fisher = random_fisher(3)
    a, b, c = fisher.row_importance
    expected = fisher_weighted(weight, 2, (10 * a + 30 * b + 20 * c) / 60).product
    torch.testing.assert_close(product("pooled-fisher-svd", weight, fisher=fisher), expected)


def test_neutralised_weighs_the_mean_of_roots(weight):
    fisher = random_fisher()
    roots = fisher.row_importance.sqrt()
    for alpha in (0.5, 0.9, 1.0):
        importance = alpha * roots[0] + (1 - alpha) * roots[1]
        torch.testing.assert_close(
            product("neutralized", weight, alpha=alpha), neutralized(weight, 2, importance).product
        )
    torch.testing.assert_close(
        product("neutralized", weight), product("neutralized", weight, alpha=0.5)
    )


def test_neutralised_weighs_any_number_of_groups_the_same(weight):
    fisher = random_fisher(3)
    expected = neutralized(weight, 2, fisher.row_importance.sqrt().mean(0)).product
    torch.testing.assert_close(product("neutralized", weight, fisher=fisher), expected)


def test_pooled_and_neutralised_agree_where_groups_do(weight):
    row = random_fisher().row_importance[0]
    fisher = GroupFisher(("a", "b"), torch.tensor([5, 50]), torch.stack([row, row]))
    torch.testing.assert_close(
        product("pooled-fisher-svd", weight, fisher=fisher),
        product("neutralized", weight, fisher=fisher),
    )


@pytest.mark.parametrize("name", FACTORISING)
def test_full_rank_gives_the_weight_back(name, weight):
    torch.testing.assert_close(product(name, weight, rank=4), weight)


@pytest.mark.parametrize("name", FACTORISING)
@pytest.mark.parametrize("rank", [0, -1, 5])
def test_a_rank_out_of_range_is_refused(name, rank, weight):
    with pytest.raises(ArgumentError, match=f"^rank={rank} "):
        product(name, weight, rank=rank)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_out_of_range_is_refused(alpha, weight):
    with pytest.raises(ArgumentError, match=r"^alpha=.*from 0 to 1"):
        product("neutralized", weight, alpha=alpha)


def test_alpha_needs_two_groups(weight):
    with pytest.raises(ArgumentError, match=r"^alpha=0\.5.*exactly two groups"):
        product("neutralized", weight, fisher=random_fisher(3), alpha=0.5)
