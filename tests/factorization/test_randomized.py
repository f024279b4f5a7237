import pytest
import torch

from fairfactor.factorization import factorize, truncation
from fairfactor.factorization.randomized import excess_energy_bound, leading_left_vectors


def orthogonal(size: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0]


def with_spectrum(values: torch.Tensor, columns: int) -> torch.Tensor:
    """A matrix with the given singular values and more columns than rows."""
    rows = len(values)
    return orthogonal(rows, 1) * values @ orthogonal(columns, 2)[:rows]


INDEX = torch.arange(1, 121, dtype=torch.float64)
SPECTRA = {
    "exponential": torch.exp(-INDEX / 8),
    "harmonic": 1 / INDEX,
    "slow": INDEX**-0.5,
    "linear": 121 - INDEX,
    "flat": torch.ones(120, dtype=torch.float64),
    "low_rank": (INDEX <= 7).double(),
    "gap": torch.where(INDEX <= 10, 100.0, 1.0).double(),
    "tiny": 1e-150 / INDEX,
    "zero": torch.zeros(120, dtype=torch.float64),
}


def excess_energy(matrix: torch.Tensor, vectors: torch.Tensor, tail: torch.Tensor) -> float:
    """How much more a projection loses than the best one, as a fraction of all energy."""
    norm = float(matrix.norm()) or 1.0
    lost = (matrix - vectors @ (vectors.T @ matrix)).norm() / norm
    return float(lost**2 - (tail.norm() / norm) ** 2)


@pytest.mark.parametrize("rank", [1, 10, 40, 119, 120])
@pytest.mark.parametrize("kind", SPECTRA)
def test_excess_error_is_within_its_bound(kind, rank):
    spectrum = SPECTRA[kind]
    matrix = with_spectrum(spectrum, 150)
    vectors, values = leading_left_vectors(matrix, rank)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(rank, dtype=torch.float64))
    assert (values <= spectrum[:rank] + 1e-12 * spectrum[0]).all()
    bound = excess_energy_bound(matrix, vectors, values)
    excess = excess_energy(matrix, vectors, spectrum[rank:])
    assert -1e-9 <= excess <= bound + 1e-9
    lost = max(1 - float((values / (matrix.norm() or 1.0)).square().sum()), 0.0)
    assert lost**0.5 - max(lost - bound, 0.0) ** 0.5 < 0.1
    for fewer in {1, rank // 2, rank - 1} - {0}:
        assert excess_energy(matrix, vectors[:, :fewer], spectrum[fewer:]) <= bound + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_bound_holds_for_vectors_that_are_far_from_the_leading_ones(seed):
    spectrum = SPECTRA["slow"]
    matrix = with_spectrum(spectrum, 150)
    generator = torch.Generator().manual_seed(seed)
    guess = torch.randn(120, 10, generator=generator, dtype=torch.float64)
    basis = torch.linalg.qr(guess)[0]
    rotation, values, _ = torch.linalg.svd(basis.T @ matrix, full_matrices=False)
    vectors = basis @ rotation
    excess = excess_energy(matrix, vectors, spectrum[10:])
    assert 0.01 < excess <= excess_energy_bound(matrix, vectors, values)


def test_trailing_vectors_are_seen_through():
    """The bound knows that something larger was left out, although the vectors are exact."""
    spectrum = SPECTRA["harmonic"]
    matrix = with_spectrum(spectrum, 150)
    vectors = orthogonal(120, 1)[:, 50:60]
    excess = excess_energy(matrix, vectors, spectrum[10:])
    assert excess <= excess_energy_bound(matrix, vectors, spectrum[50:60]) <= 1.0


@pytest.mark.parametrize("shape", [(120, 300), (300, 120)])
def test_randomized_factors_are_close_to_the_exact_ones(shape):
    weight = with_spectrum(SPECTRA["harmonic"], 300)
    weight = weight if shape[0] < shape[1] else weight.T
    metrics = {
        "input_metric": torch.linspace(0.1, 2, shape[1]),
        "output_metric": torch.linspace(0.5, 1, shape[0]),
    }
    exact = factorize(weight, 12, method="exact", **metrics)
    randomized = factorize(weight, 12, method="randomized", **metrics)
    assert (exact.method, exact.error_bound) == ("exact", 0.0)
    assert randomized.method == "randomized"
    assert 0.0 <= randomized.error_bound < 0.01
    assert exact.singular_values.shape == (120,)
    assert randomized.singular_values.shape == (12,)
    torch.testing.assert_close(randomized.product, exact.product, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        randomized.singular_values, exact.singular_values[:12], rtol=1e-4, atol=0
    )


def test_randomized_is_the_same_every_time_and_leaves_the_global_state_alone():
    weight = with_spectrum(SPECTRA["slow"], 150)
    before = torch.get_rng_state()
    first = factorize(weight, 5, method="randomized")
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)
    torch.manual_seed(17)
    second = factorize(weight, 5, method="randomized")
    torch.testing.assert_close(first.product, second.product, rtol=0, atol=0)


def test_auto_is_randomized_only_for_a_small_rank_of_a_large_weight(monkeypatch):
    monkeypatch.setattr(truncation, "RANDOMIZED_FROM", 64)
    generator = torch.Generator().manual_seed(0)
    large = torch.randn(64, 80, generator=generator)
    assert factorize(large, 8).method == "randomized"
    assert factorize(large.T, 8).method == "randomized"
    assert factorize(large, 9).method == "exact"
    assert factorize(large[:63], 2).method == "exact"
    assert factorize(large, 8, method="exact").method == "exact"
