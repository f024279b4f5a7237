import pytest
import torch

from fairfactor.errors import ArgumentError
from fairfactor.factorization import factorize
from fairfactor.factorization.metric import metric_root


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + 1000 * sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def root(metric: torch.Tensor, floor: float = 1e-12):
    size = metric.shape[0]
    return metric_root(metric, "input_metric", torch.zeros(1, size).double(), 1, floor)


@pytest.mark.parametrize("metric", [normal(6) ** 2 + 0.1, normal(9, 6).T @ normal(9, 6)])
def test_products_and_quotients_are_those_of_a_root(metric):
    rows, matrix = normal(3, 6), root(metric)
    R = matrix.multiply(torch.eye(6, dtype=torch.float64))
    torch.testing.assert_close(R @ R.T, torch.diag(metric) if metric.ndim == 1 else metric)
    torch.testing.assert_close(matrix.mean_square, torch.trace(R @ R.T) / 6)
    torch.testing.assert_close(matrix.multiply(rows), rows @ R)
    torch.testing.assert_close(matrix.divide(rows), rows @ torch.linalg.inv(R))
    torch.testing.assert_close(matrix.whiten(rows), rows @ torch.linalg.inv(R.T))


def test_floor_is_relative_to_the_largest_eigenvalue():
    values = torch.tensor([4.0, 1.0, 1e-3, 0.0], dtype=torch.float64)
    expected = torch.tensor([4.0, 1.0, 0.04, 0.04], dtype=torch.float64)
    torch.testing.assert_close(root(values, floor=0.01).scales.square(), expected)
    rotation = torch.linalg.qr(normal(4, 4))[0]
    full = root(rotation * values @ rotation.T, floor=0.01)
    torch.testing.assert_close(full.scales.square().sort(descending=True).values, expected)


def test_rounding_below_zero_and_off_symmetry_is_no_error():
    X = normal(3, 8).float()
    metric = X.T @ X
    metric[0, 1] *= 1 + 1e-6
    assert torch.linalg.eigvalsh(metric.double()).min() < 0
    assert root(metric).scales.min() > 0


def test_no_metric_is_the_identity():
    rows = normal(3, 5)
    identity = metric_root(None, "input_metric", rows, 1, 1e-12)
    torch.testing.assert_close(identity.multiply(rows), rows)
    assert identity.eigenvectors is None


@pytest.mark.parametrize("argument", ["input_metric", "output_metric"])
@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (torch.ones(3), r"shape \(3,\).*\(4,\) or .*\(4, 4\)"),
        (torch.ones(4, 3), r"shape \(4, 3\)"),
        (torch.ones(1, 4, 4), r"shape \(1, 4, 4\)"),
        (torch.ones(4, dtype=torch.int64), "int64"),
        (torch.tensor([1.0, 1.0, 1.0, float("nan")]), "1 entries that are NaN"),
        (torch.tensor([1.0, -0.5, 1.0, 1.0]), "an entry of -0.5"),
        (torch.diag(torch.tensor([1.0, -0.5, 1.0, 1.0])), "an eigenvalue of -0.5"),
        (-torch.eye(4), "an eigenvalue of -1"),
        (torch.eye(4) + torch.triu(torch.ones(4, 4)), r"symmetric.*M \+ M.T"),
        (torch.zeros(4), "all zeros"),
        (torch.zeros(4, 4), "all zeros"),
    ],
)
def test_refuses_a_metric_that_is_none(argument, metric, message):
    with pytest.raises(ArgumentError, match=f"{argument}=.*{message}"):
        factorize(normal(4, 4), 1, **{argument: metric})
