"""Laws of the neutral importance."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fairfactor.errors import ArgumentError, DataError
from fairfactor.neutralization import NeutralizationRule, neutralize, pooled_importance

RULES = get_args(NeutralizationRule)
seeds = st.integers(0, 2**31)
rules = st.sampled_from(RULES)


def importances(seed: int, groups: int = 3, features: int = 5) -> Tensor:
    """Random importances over several orders of magnitude, with a dead feature."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(groups, features, generator=generator, dtype=torch.float64) * 4
    drawn = drawn.exp()
    drawn[:, 0] = 0
    return drawn


def test_equation_of_the_paper() -> None:
    importance = torch.tensor([[4.0, 9.0], [16.0, 1.0]])
    assert neutralize(importance).tolist() == [3.0, 2.0]
    assert neutralize(importance, alpha=0.75).tolist() == [2.5, 2.5]
    assert neutralize(importance, weights=[0.25, 0.75]).tolist() == [3.5, 1.5]
    assert neutralize(importance, rule="minimum").tolist() == [2.0, 1.0]
    assert neutralize(importance, rule="root_of_mean").tolist() == pytest.approx([10**0.5, 5**0.5])
    assert neutralize(importance, rule="geometric_mean").tolist() == pytest.approx([8**0.5, 3**0.5])
    assert neutralize(importance, unit_mean=True).dtype == torch.float64


@settings(max_examples=25, deadline=None)
@given(seed=seeds, rule=rules, groups=st.integers(1, 5), unit_mean=st.booleans())
def test_identical_groups_keep_their_importance(
    seed: int, rule: Any, groups: int, unit_mean: bool
) -> None:
    one = importances(seed, groups=1)
    expected = (one / one.mean() if unit_mean else one)[0].sqrt()
    found = neutralize(one.expand(groups, -1), rule=rule, unit_mean=unit_mean)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(neutralize(found[None] ** 2, rule=rule), found)  # idempotent


@settings(max_examples=25, deadline=None)
@given(seed=seeds, rule=rules, groups=st.permutations(range(3)), features=st.permutations(range(5)))
def test_order_does_not_matter(
    seed: int, rule: Any, groups: list[int], features: list[int]
) -> None:
    importance = importances(seed)
    weights = torch.tensor([0.5, 0.3, 0.2])
    if rule == "minimum":
        before = neutralize(importance, rule=rule)
        after = neutralize(importance[groups][:, features], rule=rule)
    else:
        before = neutralize(importance, rule=rule, weights=weights)
        shuffled = importance[groups][:, features]
        after = neutralize(shuffled, rule=rule, weights=weights[groups])
    torch.testing.assert_close(after, before[features])


@settings(max_examples=25, deadline=None)
@given(seed=seeds, rule=rules, scale=st.floats(1e-6, 1e6))
def test_scales(seed: int, rule: Any, scale: float) -> None:
    importance = importances(seed)
    before = neutralize(importance, rule=rule)
    torch.testing.assert_close(neutralize(importance * scale, rule=rule), before * scale**0.5)
    factors = torch.tensor([[scale], [1.0], [3.0]])
    torch.testing.assert_close(
        neutralize(importance * factors, rule=rule, unit_mean=True),
        neutralize(importance, rule=rule, unit_mean=True),
    )


@settings(max_examples=25, deadline=None)
@given(seed=seeds, share=st.floats(0, 1))
def test_order_of_the_means(seed: int, share: float) -> None:
    importance = importances(seed, groups=2)
    lowest = neutralize(importance, rule="minimum")
    geometric, roots, root = (
        neutralize(importance, rule=rule, alpha=share)
        for rule in ("geometric_mean", "mean_of_roots", "root_of_mean")
    )
    slack = 1 + 1e-12
    assert bool((lowest <= geometric * slack).all())
    assert bool((geometric <= roots * slack).all())
    assert bool((roots <= root * slack).all())


@pytest.mark.parametrize("rule", ["mean_of_roots", "root_of_mean", "geometric_mean"])
def test_all_weight_on_one_group(rule: Any) -> None:
    importance = importances(0, groups=2)
    for alpha, group in ((1.0, 0), (0.0, 1)):
        found = neutralize(importance, alpha=alpha, rule=rule)
        torch.testing.assert_close(found, importance[group].sqrt())


def test_pooled_importance_is_that_of_all_samples() -> None:
    squares = torch.rand(10, 4)
    groups = torch.tensor([0] * 7 + [1] * 3)
    means = torch.stack([squares[groups == s].mean(dim=0) for s in (0, 1)])
    pooled = pooled_importance(means, torch.tensor([7, 3]))
    torch.testing.assert_close(pooled, squares.double().mean(dim=0).sqrt(), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "median"}, "rule='median'"),
        ({"alpha": 1.5}, "a number from 0 to 1"),
        ({"alpha": float("nan")}, "a number from 0 to 1"),
        ({"alpha": 0.5, "weights": [0.5, 0.5]}, "either alpha or weights"),
        ({"weights": [0.5, 0.6]}, "2 numbers, none negative, with sum 1"),
        ({"weights": [1.5, -0.5]}, "none negative"),
        ({"weights": [1.0]}, "2 numbers"),
        ({"weights": [float("nan"), 1.0]}, "none negative"),
        ({"alpha": 0.5, "rule": "minimum"}, "no alpha and no weights"),
    ],
)
def test_arguments_that_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        neutralize(torch.ones(2, 3), **arguments)


def test_alpha_needs_two_groups() -> None:
    with pytest.raises(ArgumentError, match=r"exactly two groups, and there are 3. Give weights="):
        neutralize(torch.ones(3, 3), alpha=0.5)


@pytest.mark.parametrize(
    ("value", "message"),
    [(-1.0, "group 1, input feature 2 is negative"), (torch.nan, "not finite"), (torch.inf, "inf")],
)
def test_values_that_are_refused(value: float, message: str) -> None:
    importance = torch.ones(2, 3)
    importance[1, 2] = value
    with pytest.raises(DataError, match=message):
        neutralize(importance)
    with pytest.raises(DataError, match=message):
        pooled_importance(importance, torch.tensor([1, 1]))


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 0), (2, 3, 1)])
def test_shapes_that_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match=r"shape \(groups, input features\)"):
        neutralize(torch.ones(shape))


@pytest.mark.parametrize("counts", [[1], [0, 0], [-1, 2]])
def test_counts_that_are_refused(counts: list[int]) -> None:
    with pytest.raises(ArgumentError, match="counts"):
        pooled_importance(torch.ones(2, 3), torch.tensor(counts))


def test_group_without_importance_has_no_unit_mean() -> None:
    importance = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    assert neutralize(importance).tolist() == pytest.approx([0.5, 0.5**0.5])
    with pytest.raises(DataError, match="unit_mean cannot scale group 1"):
        neutralize(importance, unit_mean=True)
