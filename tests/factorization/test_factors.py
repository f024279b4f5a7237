import dataclasses

import pytest
import torch

from fairfactor.errors import ArgumentError
from fairfactor.factorization import Factors, factorize


def example() -> Factors:
    return Factors(
        down=torch.tensor([[1.0, 2.0, 3.0]]),
        up=torch.tensor([[1.0], [-1.0]]),
        bias_correction=None,
        singular_values=torch.tensor([2.0, 1.0]),
        norm=5**0.5,
    )


def test_product_and_rank():
    factors = example()
    assert factors.rank == 1
    torch.testing.assert_close(factors.product, torch.tensor([[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]]))


def test_change_is_what_the_product_adds_to_the_weight():
    weight = torch.nn.Parameter(torch.tensor([[1.0, 2.0, 0.0], [-1.0, -2.0, 1.0]]))
    change = example().change(weight)
    expected = torch.tensor([[0.0, 0.0, 3.0], [0.0, 0.0, -4.0]], dtype=torch.float64)
    torch.testing.assert_close(change, expected)
    assert example().relative_error(weight) == pytest.approx(5 / 11**0.5)


def test_relative_error_of_zero():
    zero = dataclasses.replace(example(), down=torch.zeros(1, 3))
    assert zero.relative_error(torch.zeros(2, 3)) == 0.0
    assert example().relative_error(example().product) == 0.0
    assert example().relative_error(torch.zeros(2, 3)) == float("inf")


def test_changing_the_inner_basis_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    up, down, basis = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((5, 3), (3, 7), (3, 3))
    )
    values = torch.ones(5, dtype=torch.float64)
    once = Factors(down, up, None, values)
    moved = Factors(basis @ down, up @ torch.linalg.inv(basis), None, values)
    torch.testing.assert_close(moved.product, once.product)


def test_factors_cannot_be_reassigned():
    with pytest.raises(dataclasses.FrozenInstanceError):
        example().down = torch.zeros(1, 3)


def test_truncated_factors_are_those_of_the_smaller_rank():
    generator = torch.Generator().manual_seed(1)
    weight, metric = (torch.randn(*shape, generator=generator) for shape in ((6, 9), (9, 9)))
    options = {"input_metric": metric @ metric.T, "split": "balanced"}
    full = factorize(weight, 6, **options)
    for rank in range(1, 7):
        found, expected = full.truncated(rank), factorize(weight, rank, **options)
        torch.testing.assert_close(found.down, expected.down)
        torch.testing.assert_close(found.up, expected.up)
        assert torch.equal(found.singular_values, expected.singular_values)
        assert found.kept_energy == pytest.approx(expected.kept_energy)


def test_only_factors_of_the_closed_form_can_be_truncated():
    with pytest.raises(ArgumentError, match=r"rank=2.*1 to 1"):
        example().truncated(2)
    with pytest.raises(ArgumentError, match="for factors of the closed form"):
        dataclasses.replace(example(), method="als", norm=None).truncated(1)


def test_kept_energy_is_a_share_of_all_singular_values():
    assert example().kept_energy == pytest.approx(4 / 5)
    zero = dataclasses.replace(example(), singular_values=torch.zeros(2), norm=0.0)
    assert zero.kept_energy == 1.0
    assert dataclasses.replace(example(), method="als", norm=None).kept_energy is None


@pytest.mark.parametrize("shape", [(40, 60), (60, 40)])
def test_bounds_and_energy_of_randomized_factors_hold_for_every_smaller_rank(shape):
    generator = torch.Generator().manual_seed(2)
    weight = torch.randn(*shape, generator=generator, dtype=torch.float64)
    metric = torch.linspace(0.01, 1, shape[1], dtype=torch.float64) ** 2
    randomized = factorize(weight, 12, input_metric=metric, method="randomized")
    exact = factorize(weight, 40, input_metric=metric, method="exact")
    root = metric.sqrt()
    norm = float((weight * root).norm())
    assert randomized.norm == pytest.approx(norm)
    assert exact.norm == pytest.approx(norm)
    for rank in range(1, 13):
        found, best = (
            float((factors.truncated(rank).change(weight) * root).norm()) / norm
            for factors in (randomized, exact)
        )
        truncated = randomized.truncated(rank)
        assert truncated.kept_energy == pytest.approx(1 - found**2)
        assert -1e-12 <= found - best <= truncated.error_bound
        assert truncated.error_bound <= randomized.error_bound + 1e-12


def test_bias_correction_is_what_the_mean_output_loses():
    weight, mean = torch.eye(2, 3), torch.tensor([1.0, 2.0, 3.0])
    corrected = example().with_bias_correction(weight, mean)
    expected = weight @ mean - example().product @ mean
    torch.testing.assert_close(corrected.bias_correction, expected)
    assert corrected.truncated(1).bias_correction is None
