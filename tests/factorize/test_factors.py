import dataclasses

import pytest
import torch

from fairfactor.factorize import Factors


def example() -> Factors:
    return Factors(
        down=torch.tensor([[1.0, 2.0, 3.0]]),
        up=torch.tensor([[1.0], [-1.0]]),
        bias_correction=None,
        singular_values=torch.tensor([2.0, 1.0]),
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
