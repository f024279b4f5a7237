import numpy as np
import pytest
import torch

from fairfactor.errors import ArgumentError
from fairfactor.factorization import factorize


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + 1000 * sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_a_numpy_integer_is_a_rank():
    assert factorize(normal(4, 5), np.int64(2)).rank == 2


@pytest.mark.parametrize("rank", [0, -1, 5, 2.0, 2.5, True, "2", None])
def test_refuses_a_rank_that_does_not_exist(rank):
    with pytest.raises(ArgumentError, match=r"rank=.*an integer from 1 to 4 for a weight of 4 x 6"):
        factorize(normal(4, 6), rank)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.zeros(3), r"shape \(3,\).*\(out, in\).*Flatten"),
        (torch.zeros(0, 3), r"shape \(0, 3\)"),
        (torch.zeros(2, 3, dtype=torch.int64), "int64"),
        (torch.zeros(2, 3, dtype=torch.complex64), "complex64"),
        (torch.tensor([[1.0, float("nan")]]), "1 entries that are NaN"),
        (torch.tensor([[float("inf")], [1.0]]), "infinite.*finite"),
    ],
)
def test_refuses_a_weight_that_is_no_finite_matrix(weight, message):
    with pytest.raises(ArgumentError, match=f"weight=.*{message}"):
        factorize(weight, 1)
