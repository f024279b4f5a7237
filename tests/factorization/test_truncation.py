import pytest
import torch
from tests.oracles import weighted_low_rank as oracle

from fairfactor.factorization.truncation import truncate


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + 1000 * sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5), (1, 3), (3, 1)])
def test_is_the_best_approximation_of_its_rank(shape):
    matrix = normal(*shape)
    spectrum = torch.linalg.svdvals(matrix)
    for rank in range(1, min(shape) + 1):
        result = truncate(matrix, rank)
        torch.testing.assert_close(result.left @ result.right, oracle.truncated(matrix, rank))
        torch.testing.assert_close(result.singular_values, spectrum)


@pytest.mark.parametrize("method", ["exact", "randomized"])
@pytest.mark.parametrize("shape", [(4, 7), (7, 4)])
def test_one_factor_is_orthonormal_and_the_other_has_the_singular_values(shape, method):
    result = truncate(normal(*shape), 3, method)
    left, right = result.left.T @ result.left, result.right @ result.right.T
    identity = torch.eye(3, dtype=torch.float64)
    squares = torch.diag(result.singular_values[:3] ** 2)
    torch.testing.assert_close(left, squares if result.left_has_values else identity)
    torch.testing.assert_close(right, identity if result.left_has_values else squares)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4)])
def test_full_rank_is_exact_for_entries_far_below_the_rounding_of_the_largest(shape):
    matrix = normal(*shape)
    small, large = (
        (matrix[:, 3:], matrix[:, :3]) if shape[0] < shape[1] else (matrix[3:], matrix[:3])
    )
    small *= 1e-20
    large *= 1e5
    result = truncate(matrix, 4)
    product = result.left @ result.right
    torch.testing.assert_close(product, matrix, rtol=1e-9, atol=0)
