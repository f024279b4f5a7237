import itertools
import math

import pytest
import torch
from tests.oracles import weighted_low_rank as oracle

from fairfactor.errors import ArgumentError
from fairfactor.factorization import factorize
from fairfactor.factorization.metric import MetricRoot
from fairfactor.factorization.penalty import bias_penalty


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + 1000 * sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def positive_definite(size: int, seed: int = 0) -> torch.Tensor:
    X = normal(3 * size + 2, size, seed=seed) * torch.linspace(0.3, 3, size, dtype=torch.float64)
    return X.T @ X / X.shape[0]


@pytest.mark.parametrize("strength", [0.0, 1e-9, 1.0, 1e3])
def test_shrinks_by_the_inverse_root_of_the_penalized_metric(strength):
    W, scales, directions = normal(5, 8), normal(8).abs() + 0.1, normal(8, 3)
    penalty = bias_penalty(directions, strength, W, MetricRoot(scales))
    E = directions / scales[:, None]
    K = torch.eye(8, dtype=torch.float64) + strength * E @ E.T
    torch.testing.assert_close(penalty.shrink(W), W @ torch.linalg.inv(oracle.root(K)))


def test_infinite_strength_projects():
    W, directions = normal(5, 8), normal(8, 3)
    penalty = bias_penalty(directions, math.inf, W, MetricRoot(W.new_ones(8)))
    once = penalty.shrink(W)
    torch.testing.assert_close(penalty.shrink(once), once)
    torch.testing.assert_close(once @ directions, W.new_zeros(5, 3), rtol=0, atol=1e-12)


def test_strength_lowers_the_response_to_the_directions():
    W, M, N, directions = normal(8, 10), positive_definite(10), positive_definite(8), normal(10, 2)
    N_root = oracle.root(N)
    for rank in (2, 5, 8):
        responses = [
            float((N_root @ f.product @ directions).norm())
            for f in (
                factorize(
                    W, rank, input_metric=M, output_metric=N, directions=directions, strength=s
                )
                for s in (0.0, 1e-3, 0.1, 1.0, 10.0, 1e3, 1e6, math.inf)
            )
        ]
        assert all(
            later <= earlier * (1 + 1e-9) for earlier, later in itertools.pairwise(responses)
        )
        assert responses[-1] < 1e-12
        assert responses[0] > 0.1


@pytest.mark.parametrize(
    "metric", [torch.ones(8).double(), normal(8) ** 2 + 0.1, positive_definite(8)]
)
def test_infinite_strength_is_the_limit(metric):
    W, M, directions = normal(5, 8), metric, normal(8, 2)
    limit = factorize(W, 3, input_metric=M, directions=directions, strength=math.inf)
    distances = [
        float(
            (
                factorize(W, 3, input_metric=M, directions=directions, strength=s).product
                - limit.product
            ).norm()
        )
        for s in (1e2, 1e4, 1e6, 1e10)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-9
    full = factorize(W, 5, input_metric=M, directions=directions, strength=math.inf)
    torch.testing.assert_close(
        full.product, oracle.erased(W, torch.diag(M) if M.ndim == 1 else M, directions)
    )


def test_erasure_leaves_no_group_mean_in_the_outputs():
    X, groups = normal(300, 9), torch.arange(300) % 3
    X = X + groups[:, None] * normal(9, seed=1)
    centred = X - X.mean(0)
    means = torch.stack([centred[groups == g].mean(0) for g in range(3)], dim=1)
    factors = factorize(
        normal(6, 9),
        4,
        input_metric=centred.T @ centred / 300,
        directions=means,
        strength=math.inf,
    )
    outputs = X @ factors.product.T
    for g in range(3):
        torch.testing.assert_close(outputs[groups == g].mean(0), outputs.mean(0))


def test_dependent_directions_count_once_even_at_infinite_strength():
    W, M = normal(5, 8), positive_definite(8)
    direction = normal(8, 1).float()
    both = torch.cat([direction, -direction / 3], dim=1)
    one = factorize(W, 3, input_metric=M, directions=direction, strength=math.inf)
    two = factorize(W, 3, input_metric=M, directions=both, strength=math.inf)
    torch.testing.assert_close(one.product, two.product, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("directions", [torch.zeros(8, 3), torch.zeros(8, 0), torch.zeros(8)])
def test_no_directions_are_no_penalty(directions):
    W = normal(5, 8)
    factors = factorize(W, 3, directions=directions, strength=math.inf)
    torch.testing.assert_close(factors.product, factorize(W, 3).product)


def test_zero_strength_is_no_penalty():
    W, directions = normal(5, 8), normal(8)
    factors = factorize(W, 3, directions=directions, strength=0.0)
    torch.testing.assert_close(factors.product, factorize(W, 3).product)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"directions": torch.ones(3), "strength": 1.0}, r"directions=.*\(3,\).*\(4,\)"),
        ({"directions": torch.ones(3, 4), "strength": 1.0}, r"directions=.*\(3, 4\).*\(4, number"),
        ({"directions": torch.full((4,), math.nan), "strength": 1.0}, "directions=.*NaN"),
        ({"directions": torch.ones(4), "strength": -1.0}, "strength=-1.0.*from 0 to infinity"),
        ({"directions": torch.ones(4), "strength": math.nan}, "strength=nan"),
        ({"strength": 1.0}, "strength=1.0.*Pass directions"),
    ],
)
def test_refuses_what_has_no_meaning(options, message):
    with pytest.raises(ArgumentError, match=message):
        factorize(normal(3, 4), 1, **options)
