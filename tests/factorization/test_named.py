import math

import pytest
import torch
from tests.oracles import weighted_low_rank as oracle

from fairfactor.errors import ArgumentError
from fairfactor.factorization import (
    activation_whitened,
    bias_aware,
    factorize,
    fisher_weighted,
    full_neutralized,
    kronecker,
    neutralized,
    plain_svd,
)

SHAPES = [(2, 20), (8, 12), (12, 8), (1, 6)]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + 100 * sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def ranks(shape: tuple[int, int]) -> range:
    return range(1, min(shape) + 1, 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_plain_svd_is_the_truncated_svd(shape):
    W = normal(*shape)
    for rank in ranks(shape):
        torch.testing.assert_close(plain_svd(W, rank).product, oracle.truncated(W, rank))


@pytest.mark.parametrize("shape", SHAPES)
def test_neutralized_is_equation_4_of_the_paper(shape):
    W, importance = normal(*shape), normal(shape[1], seed=1).abs() + 0.05
    for rank in ranks(shape):
        factors = neutralized(W, rank, importance)
        A, B = oracle.paper(W, rank, importance)
        signs = torch.sign((B * factors.up.T).sum(1))
        torch.testing.assert_close(factors.down, signs[:, None] * A.T)
        torch.testing.assert_close(factors.up, signs * B.T)


def test_neutralized_survives_a_dead_input():
    W, importance = normal(6, 10), normal(10, seed=1).abs()
    importance[[2, 7]] = 0.0
    factors = neutralized(W, 3, importance)
    damped = importance.clamp_min(1e-6 * float(importance.max()))
    A, B = oracle.paper(W, 3, damped)
    torch.testing.assert_close(factors.product, (A @ B).T)


def test_neutralized_squares_tiny_importances_without_underflow():
    W, importance = normal(3, 6).float(), normal(6, seed=1).abs().float()
    tiny = neutralized(W, 2, 1e-24 * importance)
    torch.testing.assert_close(tiny.product, neutralized(W, 2, importance).product)


@pytest.mark.parametrize("shape", SHAPES)
def test_fisher_weighted_is_fwsvd(shape):
    W, fisher = normal(*shape), normal(*shape, seed=1) ** 2
    for rank in ranks(shape):
        expected = oracle.fwsvd(W, rank, fisher)
        torch.testing.assert_close(fisher_weighted(W, rank, fisher.sum(0)).product, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_activation_whitened_is_drone_and_svd_llm(shape):
    W, X = normal(*shape), normal(60, shape[1], seed=1)
    for rank in ranks(shape):
        product = activation_whitened(W, rank, X.T @ X / 60).product
        torch.testing.assert_close(product, oracle.drone(W, rank, X))
        torch.testing.assert_close(product, oracle.svd_llm(W, rank, X))


@pytest.mark.parametrize("shape", SHAPES)
def test_kronecker_is_gfwsvd(shape):
    W, X, G = normal(*shape), normal(60, shape[1], seed=1), normal(60, shape[0], seed=2)
    for rank in ranks(shape):
        product = kronecker(W, rank, X.T @ X, G.T @ G).product
        torch.testing.assert_close(product, oracle.gfwsvd(W, rank, X.T @ X, G.T @ G))


def test_kronecker_of_a_binary_head_keeps_the_logit_difference_at_rank_one():
    W, X, residual = normal(2, 20), normal(60, 20, seed=1), normal(60, seed=2)
    G = torch.stack([residual, -residual], dim=1)
    factors = kronecker(W, 1, X.T @ X, G.T @ G)
    difference = torch.tensor([1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(difference @ factors.product, difference @ W, rtol=1e-6, atol=1e-6)


def test_full_neutralized_is_the_weighted_sum_of_the_groups():
    W, X = normal(6, 9), normal(3, 40, 9, seed=1)
    matrices = X.mT @ X
    equal = full_neutralized(W, 3, matrices)
    torch.testing.assert_close(
        equal.product, factorize(W, 3, input_metric=matrices.mean(0)).product
    )
    weights = torch.tensor([0.5, 0.3, 0.2])
    chosen = full_neutralized(W, 3, matrices, weights)
    metric = 0.5 * matrices[0] + 0.3 * matrices[1] + 0.2 * matrices[2]
    expected = factorize(W, 3, input_metric=metric).product
    torch.testing.assert_close(chosen.product, expected, rtol=1e-5, atol=1e-6)


def test_full_neutralized_of_diagonal_matrices_is_the_paper_with_root_of_mean():
    W, importance = normal(6, 9), normal(2, 9, seed=1) ** 2 + 0.1
    full = full_neutralized(W, 3, torch.diag_embed(importance))
    diagonal = neutralized(W, 3, importance.mean(0).sqrt())
    torch.testing.assert_close(full.product, diagonal.product)


def test_all_cases_are_plain_svd_when_nothing_distinguishes_the_features():
    W, ones, identity = normal(6, 9), torch.ones(9).double(), torch.eye(9).double()
    expected = plain_svd(W, 3)
    for factors in (
        fisher_weighted(W, 3, 2 * ones),
        neutralized(W, 3, 3 * ones),
        activation_whitened(W, 3, 5 * identity),
        kronecker(W, 3, identity, 7 * torch.eye(6).double()),
        full_neutralized(W, 3, torch.stack([identity, 2 * identity])),
        bias_aware(W, 3, normal(9, 2), 0.0),
    ):
        torch.testing.assert_close(factors.product, expected.product)


def test_bias_aware_takes_any_metric():
    W, directions, X = normal(6, 9), normal(9, 2), normal(40, 9, seed=1)
    G = normal(40, 6, seed=1)
    factors = bias_aware(W, 3, directions, math.inf, input_metric=X.T @ X, output_metric=G.T @ G)
    torch.testing.assert_close(
        factors.product @ directions, torch.zeros(6, 2).double(), rtol=0, atol=1e-10
    )


def test_remaining_arguments_are_passed_on():
    W, mean = normal(6, 9), normal(9)
    factors = neutralized(W, 2, torch.ones(9), mean_input=mean, split="balanced")
    torch.testing.assert_close(factors.bias_correction, (W - factors.product) @ mean)
    torch.testing.assert_close(factors.up.T @ factors.up, torch.diag(factors.singular_values[:2]))


@pytest.mark.parametrize(
    ("matrices", "weights", "message"),
    [
        (torch.ones(9, 9), None, r"input_matrices=\(9, 9\).*torch.stack"),
        (torch.eye(9).repeat(2, 1, 1), torch.ones(3), "weights=.*2 non-negative"),
        (torch.eye(9).repeat(2, 1, 1), torch.tensor([1.5, -0.5]), "weights=.*-0.5"),
    ],
)
def test_full_neutralized_refuses_what_does_not_fit(matrices, weights, message):
    with pytest.raises(ArgumentError, match=message):
        full_neutralized(normal(6, 9), 2, matrices, weights)


def test_neutralized_refuses_a_negative_importance():
    with pytest.raises(ArgumentError, match=r"importance=.*-1"):
        neutralized(normal(2, 3), 1, torch.tensor([1.0, -1.0, 1.0]))
