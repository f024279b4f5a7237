import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import weighted_low_rank as oracle

from fairfactor.errors import ArgumentError
from fairfactor.factorization import factorize

SHAPES = [(2, 20), (20, 2), (6, 6), (1, 5), (5, 1), (12, 7), (7, 12)]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + 1000 * sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def positive_definite(size: int, seed: int = 0) -> torch.Tensor:
    X = normal(3 * size + 2, size, seed=seed) * torch.linspace(0.3, 3, size, dtype=torch.float64)
    return X.T @ X / X.shape[0]


def with_dead_entries(size: int, seed: int = 0) -> torch.Tensor:
    """A diagonal importance of which a third of the entries is exactly zero."""
    importance = normal(size, seed=seed) ** 2
    importance[1::3] = 0.0
    return importance


def singular(size: int, seed: int = 0) -> torch.Tensor:
    """A second moment from fewer samples than features, one of which is dead."""
    X = normal(max(1, size // 2), size, seed=seed)
    X[:, size // 2 + 1 :: 4] = 0.0
    return X.T @ X


def dense(metric: torch.Tensor | None, size: int) -> torch.Tensor:
    if metric is None:
        return torch.eye(size, dtype=torch.float64)
    return torch.diag(metric) if metric.ndim == 1 else metric


METRICS = {
    "identity": lambda size, seed: None,
    "diagonal": lambda size, seed: normal(size, seed=seed) ** 2 + 0.1,
    "full": positive_definite,
}
SINGULAR_METRICS = {"dead": with_dead_entries, "redundant": singular}


@pytest.mark.parametrize("output_kind", METRICS)
@pytest.mark.parametrize("input_kind", METRICS)
@pytest.mark.parametrize("strength", [0.0, 0.7])
def test_agrees_with_the_textbook_formula(input_kind, output_kind, strength):
    for shape, rank in itertools.product(SHAPES, (1, 3, 5)):
        rank = min(rank, *shape)
        W = normal(*shape)
        M, N = METRICS[input_kind](shape[1], 1), METRICS[output_kind](shape[0], 2)
        directions = normal(shape[1], 2, seed=3)
        factors = factorize(
            W,
            rank,
            input_metric=M,
            output_metric=N,
            directions=directions,
            strength=strength,
        )
        expected = oracle.textbook(
            W, rank, dense(M, shape[1]), dense(N, shape[0]), directions, strength
        )
        torch.testing.assert_close(factors.product, expected, rtol=1e-9, atol=1e-9)
        assert factors.down.shape == (rank, shape[1])
        assert factors.up.shape == (shape[0], rank)


@pytest.mark.parametrize("strength", [0.0, 3.0])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (1, 4)])
def test_no_optimizer_finds_a_better_product(shape, strength):
    W, M, N = normal(*shape), positive_definite(shape[1]), positive_definite(shape[0], seed=1)
    directions = normal(shape[1], 2, seed=2)

    def loss(T):
        change = W - T
        response = T @ directions
        return torch.sum((N @ change) * (change @ M)) + strength * torch.sum(
            (N @ response) * response
        )

    for rank in range(1, min(shape)):
        factors = factorize(
            W, rank, input_metric=M, output_metric=N, directions=directions, strength=strength
        )
        ours = oracle.objective(factors.product, W, M, N, directions, strength)
        best = oracle.best_by_search(loss, shape, rank, starts=3, seed=0)
        assert ours <= best * (1 + 1e-9)
        assert ours == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0])
def test_no_perturbation_of_the_factors_is_better(scale):
    W, M, N = normal(6, 9), positive_definite(9), positive_definite(6)
    directions = normal(9, 3)
    factors = factorize(W, 3, input_metric=M, output_metric=N, directions=directions, strength=2.0)
    ours = oracle.objective(factors.product, W, M, N, directions, 2.0)
    for seed in range(50):
        up = factors.up + scale * normal(6, 3, seed=seed)
        down = factors.down + scale * normal(3, 9, seed=seed + 1)
        assert oracle.objective(up @ down, W, M, N, directions, 2.0) >= ours


def test_plain_error_is_the_tail_of_the_spectrum():
    W = normal(8, 11)
    spectrum = torch.linalg.svdvals(W)
    for rank in range(1, 9):
        factors = factorize(W, rank)
        torch.testing.assert_close(factors.singular_values, spectrum)
        tail = float(spectrum[rank:].square().sum())
        assert float(factors.change(W).square().sum()) == pytest.approx(tail, abs=1e-12)


def test_penalized_error_is_the_tail_of_the_spectrum_plus_a_constant():
    W, M, N, directions = normal(5, 8), positive_definite(8), positive_definite(5), normal(8, 2)
    constants = []
    for rank in range(1, 6):
        factors = factorize(
            W, rank, input_metric=M, output_metric=N, directions=directions, strength=3.0
        )
        value = oracle.objective(factors.product, W, M, N, directions, 3.0)
        constants.append(value - float(factors.singular_values[rank:].square().sum()))
    assert constants == pytest.approx([constants[0]] * 5, rel=1e-9)


@pytest.mark.parametrize("split", ["input", "balanced"])
@pytest.mark.parametrize("output_kind", METRICS | SINGULAR_METRICS)
@pytest.mark.parametrize("input_kind", METRICS | SINGULAR_METRICS)
def test_full_rank_gives_the_weight_back(input_kind, output_kind, split):
    kinds = METRICS | SINGULAR_METRICS
    # The floor of 1e-12 is 1e-6 on the root's scale, by which rounding may be magnified.
    tolerance = 1e-8 if {input_kind, output_kind} & SINGULAR_METRICS.keys() else 1e-12
    for shape in [*SHAPES, (40, 12), (12, 40)]:
        W = normal(*shape)
        factors = factorize(
            W,
            min(shape),
            input_metric=kinds[input_kind](shape[1], 1),
            output_metric=kinds[output_kind](shape[0], 2),
            split=split,
        )
        assert factors.relative_error(W) < tolerance


def test_dead_inputs_take_what_rank_the_others_leave():
    W = normal(6, 8)
    M = torch.zeros(8, dtype=torch.float64)
    M[:3] = 1.0
    factors = factorize(W, 3, input_metric=M)
    torch.testing.assert_close(factors.product[:, :3], W[:, :3])
    richer = factorize(W, 5, input_metric=M)
    torch.testing.assert_close(richer.product[:, :3], W[:, :3])
    assert richer.relative_error(W) < factors.relative_error(W)


@pytest.mark.parametrize("split", ["input", "balanced"])
@pytest.mark.parametrize("output_kind", METRICS)
@pytest.mark.parametrize("input_kind", METRICS)
def test_scaling_the_metrics_changes_nothing_but_the_spectrum(input_kind, output_kind, split):
    for shape in [(7, 9), (9, 7)]:
        W = normal(*shape)
        M = dense(METRICS[input_kind](shape[1], 1), shape[1])
        N = dense(METRICS[output_kind](shape[0], 2), shape[0])
        once = factorize(W, 3, input_metric=M, output_metric=N, split=split)
        scaled = factorize(W, 3, input_metric=1e-9 * M, output_metric=1e7 * N, split=split)
        torch.testing.assert_close(scaled.up, once.up)
        torch.testing.assert_close(scaled.down, once.down)
        torch.testing.assert_close(scaled.singular_values, 0.1 * once.singular_values)


def test_scaling_metric_and_strength_together_changes_nothing():
    W, M, directions = normal(7, 9), positive_definite(9), normal(9, 2)
    once = factorize(W, 3, input_metric=M, directions=directions, strength=0.3)
    scaled = factorize(W, 3, input_metric=1e6 * M, directions=directions, strength=0.3e6)
    torch.testing.assert_close(scaled.product, once.product, rtol=1e-9, atol=1e-10)


def test_changing_the_basis_of_the_inputs_transforms_the_answer():
    W, M, directions, basis = normal(5, 8), positive_definite(8), normal(8, 2), normal(8, 8, seed=9)
    inverse = torch.linalg.inv(basis)
    once = factorize(W, 2, input_metric=M, directions=directions, strength=1.5)
    moved = factorize(
        W @ inverse,
        2,
        input_metric=basis @ M @ basis.T,
        directions=basis @ directions,
        strength=1.5,
    )
    torch.testing.assert_close(moved.product @ basis, once.product, rtol=1e-7, atol=1e-8)


def test_error_falls_with_the_rank():
    W, M, N = normal(9, 7), positive_definite(7), positive_definite(9)
    errors = [
        oracle.objective(factorize(W, r, input_metric=M, output_metric=N).product, W, M, N)
        for r in range(1, 8)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("shape", [(6, 10), (10, 6)])
def test_input_split_puts_all_singular_values_into_down(shape):
    W, importance = normal(*shape), normal(shape[1], seed=1).abs() + 0.1
    factors = factorize(W, 4, input_metric=importance**2)
    identity = torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(factors.up.T @ factors.up, identity)
    whitened = factors.down * importance
    torch.testing.assert_close(whitened @ whitened.T, torch.diag(factors.singular_values[:4] ** 2))


@pytest.mark.parametrize("shape", [(6, 10), (10, 6)])
def test_balanced_split_shares_the_singular_values(shape):
    W, M, N = normal(*shape), positive_definite(shape[1]), positive_definite(shape[0])
    factors = factorize(W, 4, input_metric=M, output_metric=N, split="balanced")
    M, N = M / M.diagonal().mean(), N / N.diagonal().mean()
    normalized = factorize(W, 4, input_metric=M, output_metric=N)
    expected = torch.diag(normalized.singular_values[:4])
    torch.testing.assert_close(factors.up.T @ N @ factors.up, expected)
    torch.testing.assert_close(factors.down @ M @ factors.down.T, expected)
    other = factorize(W, 4, input_metric=M, output_metric=N, split="input")
    torch.testing.assert_close(factors.product, other.product)


@pytest.mark.parametrize("split", ["input", "balanced"])
@pytest.mark.parametrize("shape", [(6, 10), (10, 6)])
def test_a_weight_of_lower_rank_leaves_no_infinities(shape, split):
    W = normal(shape[0], 2) @ normal(2, shape[1])
    factors = factorize(W, 5, input_metric=with_dead_entries(shape[1]), split=split)
    assert factors.relative_error(W) < 1e-8
    assert factors.up.isfinite().all()
    assert factors.down.isfinite().all()
    zero = factorize(torch.zeros(shape, dtype=torch.float64), 3, split=split)
    assert zero.relative_error(torch.zeros(shape, dtype=torch.float64)) == 0.0


@pytest.mark.parametrize("shape", [(6, 10), (10, 6), (2, 12)])
def test_signs_do_not_depend_on_rounding(shape):
    W = normal(*shape)
    if shape[0] == 2:
        W[1] = -W[0]
    factors = factorize(W, 2)
    again = factorize(W * (1 + 1e-13 * normal(*shape, seed=5)), 2)
    large = factors.singular_values[:2] > 1e-9
    torch.testing.assert_close(factors.up[:, large], again.up[:, large])
    torch.testing.assert_close(factors.down[large], again.down[large])
    flipped = factorize(-W, 2)
    torch.testing.assert_close(flipped.up[:, large], factors.up[:, large])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_bias_correction_keeps_the_mean_output(dtype):
    W, mean = normal(6, 9).to(dtype), normal(9)
    factors = factorize(
        W, 2, input_metric=positive_definite(9), directions=normal(9), strength=1.0, mean_input=mean
    )
    assert {factors.up.dtype, factors.down.dtype, factors.bias_correction.dtype} == {dtype}
    after = factors.up.double() @ factors.down.double() @ mean + factors.bias_correction.double()
    precision = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(after, W.double() @ mean, rtol=precision, atol=precision)


def test_no_mean_input_gives_no_bias_correction():
    assert factorize(normal(4, 5), 2).bias_correction is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_weights_are_factorized_in_float64(dtype):
    W = normal(6, 9).to(dtype)
    M = positive_definite(9)
    factors = factorize(W, 3, input_metric=M.float())
    expected = oracle.textbook(W.double(), 3, M, torch.eye(6, dtype=torch.float64))
    precision = 8 * torch.finfo(dtype).eps
    torch.testing.assert_close(factors.product.double(), expected, rtol=precision, atol=precision)
    assert factors.singular_values.dtype == torch.float64


def test_refuses_a_dtype_that_cannot_hold_the_factors():
    dead_output = torch.tensor([1.0, 0.0])
    with pytest.raises(
        ArgumentError, match=r"weight=.*float16.*hold.*Convert the layer to float32"
    ):
        factorize(torch.eye(2).half(), 2, output_metric=dead_output)
    single = factorize(torch.eye(2), 2, output_metric=dead_output)
    assert single.relative_error(torch.eye(2)) < 1e-6


def test_a_parameter_is_left_alone():
    weight = torch.nn.Parameter(torch.randn(4, 6, generator=torch.Generator().manual_seed(0)))
    before = weight.detach().clone()
    factors = factorize(weight, 2, input_metric=torch.rand(6, requires_grad=True))
    assert not factors.product.requires_grad
    torch.testing.assert_close(weight.detach(), before, rtol=0, atol=0)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    outputs=st.integers(1, 7),
    inputs=st.integers(1, 7),
    exponent=st.integers(-12, 12),
    strength=st.sampled_from([0.0, 1e-3, 1.0, 1e4]),
    seed=st.integers(0, 1000),
)
def test_beats_every_other_weighting_in_its_own_metric(outputs, inputs, exponent, strength, seed):
    W = normal(outputs, inputs, seed=seed) * 10.0**exponent
    M, N = positive_definite(inputs, seed=seed), positive_definite(outputs, seed=seed + 1)
    directions = normal(inputs, 2, seed=seed + 2)
    for rank in range(1, min(outputs, inputs) + 1):
        ours = factorize(
            W, rank, input_metric=M, output_metric=N, directions=directions, strength=strength
        )
        value = oracle.objective(ours.product, W, M, N, directions, strength)
        for other in (
            factorize(W, rank),
            factorize(W, rank, input_metric=M),
            factorize(W, rank, input_metric=M.diagonal(), output_metric=N.diagonal()),
            factorize(W, rank, input_metric=M, directions=directions, strength=10 * strength + 1),
        ):
            rival = oracle.objective(other.product, W, M, N, directions, strength)
            slack = 1e-12 * float(W.square().sum()) * float(M.trace() * N.trace())
            assert value <= rival * (1 + 1e-9) + slack


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "svd"}, "method='svd'.*'randomized'"),
        ({"mean_input": torch.ones(3)}, r"mean_input=.*\(3,\).*\(4,\)"),
        ({"mean_input": torch.ones(4, 1)}, "mean_input="),
        ({"split": "output"}, "split='output'.*'balanced'"),
        ({"floor": 0.0}, "floor=0.0"),
        ({"floor": 1.0}, "floor=1.0"),
    ],
)
def test_refuses_what_has_no_meaning(options, message):
    with pytest.raises(ArgumentError, match=message):
        factorize(normal(3, 4), 1, **options)
