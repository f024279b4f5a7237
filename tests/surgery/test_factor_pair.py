from __future__ import annotations

import pytest
import torch
from tests.surgery.examples import PlainFactors

from fairfactor.errors import ArgumentError
from fairfactor.surgery.factor_pair import merged_weight, require_factors


def test_returns_rank_and_columns() -> None:
    assert require_factors(PlainFactors(torch.ones(2, 5), torch.ones(3, 2))) == (2, 5)


@pytest.mark.parametrize(
    ("factors", "text"),
    [
        (PlainFactors(torch.ones(2, 5), torch.ones(3, 4)), "same rank"),
        (PlainFactors(torch.ones(5), torch.ones(3, 5)), "same rank"),
        (PlainFactors(torch.ones(2, 5), torch.ones(3, 2), torch.ones(4)), r"bias_correction=\(4,"),
        (PlainFactors(torch.full((2, 5), torch.nan), torch.ones(3, 2)), "finite"),
        (PlainFactors(torch.ones(2, 5), torch.full((3, 2), torch.inf)), "finite"),
        (PlainFactors(torch.ones(2, 5), torch.ones(3, 2), torch.full((3,), torch.nan)), "finite"),
    ],
)
def test_refuses_factors(factors: PlainFactors, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        require_factors(factors)


def test_product_is_rounded_once() -> None:
    down, up = torch.tensor([[1.0], [1.0]]), torch.tensor([[2.0**24, 1.0]])
    assert float(merged_weight(down, up * 1, torch.Size((1, 1)))) == 2.0**24
    cancel = merged_weight(
        torch.ones(3, 1), torch.tensor([[2.0**24, 1.0, -(2.0**24)]]), torch.Size((1, 1))
    )
    assert float(cancel) == 1.0  # in float32 the middle term would be lost
