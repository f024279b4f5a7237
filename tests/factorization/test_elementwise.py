import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import weighted_low_rank as oracle

from fairfactor.errors import ArgumentError
from fairfactor.factorization import elementwise_weighted, factorize

SHAPES = [(5, 8), (8, 5), (6, 6), (1, 4), (4, 1)]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + 100 * sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def uneven(*shape: int, seed: int = 0) -> torch.Tensor:
    """Importances over several orders of magnitude, a tenth of them zero."""
    importance = normal(*shape, seed=seed + 50).abs() ** 3
    importance[normal(*shape, seed=seed + 51) > 1.3] = 0.0
    importance[0, 0] = 1.0
    return importance


def separable_start(W: torch.Tensor, rank: int, F: torch.Tensor) -> torch.Tensor:
    return factorize(W, rank, input_metric=F.sum(0), output_metric=F.sum(1)).product


@pytest.mark.parametrize("method", ["als", "em"])
@given(
    outputs=st.integers(1, 7), inputs=st.integers(1, 7), seed=st.integers(0, 100), data=st.data()
)
@settings(deadline=None, max_examples=25, derandomize=True)
def test_never_rises_from_the_separable_start(method, outputs, inputs, seed, data):
    rank = data.draw(st.integers(1, min(outputs, inputs)))
    W, F = normal(outputs, inputs, seed=seed), uneven(outputs, inputs, seed=seed)
    factors = elementwise_weighted(W, rank, F, method=method, iterations=30)
    history = factors.objective_history
    assert all(later <= earlier for earlier, later in itertools.pairwise(history))
    start = oracle.elementwise_objective(separable_start(W, rank, F), W, F)
    end = oracle.elementwise_objective(factors.product, W, F)
    slack = 1e-12 * float((F * W.square()).sum())
    assert history[0] == pytest.approx(start, rel=1e-9, abs=slack)
    assert history[-1] == pytest.approx(end, rel=1e-6, abs=slack)


@pytest.mark.parametrize("method", ["als", "em"])
@pytest.mark.parametrize("shape", SHAPES)
def test_is_the_closed_form_for_importances_of_rank_one(shape, method):
    W = normal(*shape)
    rows, columns = normal(shape[0], seed=1) ** 2 + 0.1, normal(shape[1], seed=2) ** 2 + 0.1
    for rank in range(1, min(shape) + 1, 2):
        factors = elementwise_weighted(W, rank, torch.outer(rows, columns), method=method)
        expected = factorize(W, rank, input_metric=columns, output_metric=rows)
        torch.testing.assert_close(factors.product, expected.product, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("shape", [(5, 8), (8, 5)])
def test_is_a_stationary_point_that_rivals_a_search(shape, seed):
    W, F = normal(*shape, seed=seed), normal(*shape, seed=seed + 50) ** 2 + 0.05
    factors = elementwise_weighted(W, 2, F, iterations=3000, tolerance=0.0)
    gradient = F * (factors.product - W)
    scale = float((F * W).norm())
    assert float((gradient @ factors.down.T).norm()) < 1e-5 * scale * float(factors.down.norm())
    assert float((factors.up.T @ gradient).norm()) < 1e-5 * scale
    best = oracle.best_by_search(
        lambda T: (F * (W - T) ** 2).sum(), shape, rank=2, starts=6, seed=0
    )
    assert best * (1 - 1e-9) <= factors.objective_history[-1] <= 1.3 * best


def test_em_and_als_agree_where_the_importances_are_mild():
    W, F = normal(6, 9), 1 + 0.3 * torch.rand(6, 9, generator=torch.Generator().manual_seed(0))
    als = elementwise_weighted(W, 2, F, method="als", tolerance=1e-13, iterations=2000)
    em = elementwise_weighted(W, 2, F, method="em", tolerance=1e-13, iterations=2000)
    torch.testing.assert_close(als.product, em.product, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["als", "em"])
@pytest.mark.parametrize("shape", SHAPES)
def test_full_rank_gives_the_weight_back(shape, method):
    W, F = normal(*shape), uneven(*shape)
    F[:, 0], F[0] = 0.0, 0.0
    F[-1, -1] = 1.0
    factors = elementwise_weighted(W, min(shape), F, method=method)
    assert factors.relative_error(W) < 1e-8


def test_elements_without_importance_are_filled_from_the_others():
    W = normal(8, 2) @ normal(2, 10)
    F = torch.ones(8, 10, dtype=torch.float64)
    F[2, 3] = F[5, 7] = F[0, 0] = 0.0
    damaged = W.clone()
    damaged[2, 3], damaged[5, 7], damaged[0, 0] = 9.0, -9.0, 9.0
    factors = elementwise_weighted(damaged, 2, F, tolerance=0.0, iterations=3000)
    torch.testing.assert_close(factors.product, W, rtol=1e-6, atol=1e-6)


def test_scaling_the_importances_changes_only_the_objective():
    W, F = normal(6, 9), uneven(6, 9)
    for method in ("als", "em"):
        once = elementwise_weighted(W, 3, F, method=method, iterations=20)
        scaled = elementwise_weighted(W, 3, 1e-8 * F, method=method, iterations=20)
        torch.testing.assert_close(scaled.product, once.product, rtol=1e-6, atol=1e-8)
        assert scaled.objective_history[-1] == pytest.approx(1e-8 * once.objective_history[-1])


def test_factors_follow_the_input_split():
    W, F = normal(6, 9), uneven(6, 9)
    factors = elementwise_weighted(W, 3, F)
    identity = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(factors.up.T @ factors.up, identity)
    torch.testing.assert_close(
        factors.down @ factors.down.T, torch.diag(factors.singular_values**2), atol=1e-9, rtol=1e-7
    )
    assert factors.rank == 3
    assert factors.method == "als"
    assert factors.error_bound is None
    largest = factors.up.gather(0, factors.up.abs().argmax(0, keepdim=True))
    assert (largest > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dtype_of_the_weight_is_kept(dtype):
    factors = elementwise_weighted(normal(4, 6).to(dtype), 2, uneven(4, 6).float())
    assert factors.up.dtype == factors.down.dtype == dtype


@pytest.mark.parametrize(
    ("importance", "options", "message"),
    [
        (torch.ones(3, 3), {}, r"importance=.*\(3, 3\).*\(3, 4\)"),
        (-torch.ones(3, 4), {}, "importance=.*entry of -1"),
        (torch.zeros(3, 4), {}, "importance=.*all zeros"),
        (torch.full((3, 4), float("nan")), {}, "importance=.*NaN"),
        (torch.ones(3, 4), {"method": "adam"}, "method='adam'.*'als' or 'em'"),
        (torch.ones(3, 4), {"iterations": 0}, "iterations=0"),
        (torch.ones(3, 4), {"tolerance": -1.0}, "tolerance=-1.0"),
        (torch.ones(3, 4), {"tolerance": float("nan")}, "tolerance=nan"),
    ],
)
def test_refuses_what_has_no_meaning(importance, options, message):
    with pytest.raises(ArgumentError, match=message):
        elementwise_weighted(normal(3, 4), 2, importance, **options)


def test_refuses_a_rank_that_does_not_exist():
    with pytest.raises(ArgumentError, match="rank=4"):
        elementwise_weighted(normal(3, 4), 4, torch.ones(3, 4))
