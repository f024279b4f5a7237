from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tests.mitigation.small_problem import SmallPart, small_rows
from torch import Tensor
from torch.nn import functional

from fairfactor.errors import DataError
from fairfactor.mitigation.gap_penalty import GapPenalty, penalty_path
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.streamed_penalty import streamed_penalty_path

STRENGTHS = (0.0, 1.0, 30.0)


class Chunks:
    """Rows a few at a time, some chunks without rows of a group; counts how often they are read."""

    def __init__(self, rows: SmallPart, size: int) -> None:
        self.rows, self.size, self.times = rows, size, 0

    def __call__(self) -> Iterator[tuple[Tensor, ...]]:
        self.times += 1
        parts = (self.rows.inputs, self.rows.labels, self.rows.groups)
        return zip(*(part.split(self.size) for part in parts), strict=True)


def example(n_classes: int, n_groups: int) -> tuple[SmallPart, GapPenalty]:
    """In float64, so that the way of summing cannot be seen."""
    rows = small_rows(300, n_classes=n_classes, n_groups=n_groups, seed=0)
    rows = SmallPart(rows.inputs.double(), rows.labels, rows.groups)
    family = rate_family("equalized_odds", n_classes)
    penalty = GapPenalty(family, rows.labels, rows.groups, n_groups)
    penalty.hits, penalty.sizes = penalty.hits.double(), penalty.sizes.double()
    member = functional.one_hot(rows.groups + 1, n_groups + 1)[:, 1:].double()
    events = torch.from_numpy(family.events)[:, rows.labels]
    counted = torch.einsum("ki,is->ksi", events, member)
    penalty.shares = counted / penalty.sizes.clamp_min(1)[:, :, None]
    return rows, penalty


@pytest.mark.parametrize(("n_classes", "n_groups"), [(2, 2), (3, 4)])
def test_layers_are_those_of_all_rows_in_memory(n_classes: int, n_groups: int) -> None:
    rows, penalty = example(n_classes, n_groups)
    expected = penalty_path(rows.inputs, rows.labels, penalty, n_classes, STRENGTHS)
    found = streamed_penalty_path(
        Chunks(rows, 37),
        rate_family("equalized_odds", n_classes),
        n_classes,
        n_groups,
        STRENGTHS,
    )
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(ours.bias, theirs.bias, rtol=1e-5, atol=1e-6)


def test_without_penalty_rows_are_read_once_a_step() -> None:
    rows, _ = example(2, 2)
    family = rate_family("equalized_odds", 2)
    times = []
    for strength in (0.0, 1.0):
        chunks = Chunks(rows, 100)
        list(streamed_penalty_path(chunks, family, 2, 2, [strength], iterations=1))
        times.append(chunks.times)
    assert times[1] == 2 * times[0] - 1


def test_float32_stays_float32() -> None:
    rows = small_rows(300, n_classes=2, n_groups=2, seed=0)
    family = rate_family("demographic_parity", 2)
    [layer] = streamed_penalty_path(Chunks(rows, 64), family, 2, 2, [3.0])
    penalty = GapPenalty(family, rows.labels, rows.groups, 2)
    [expected] = penalty_path(rows.inputs, rows.labels, penalty, 2, [3.0])
    assert layer.weight.dtype == torch.float32
    torch.testing.assert_close(layer.weight, expected.weight, rtol=1e-2, atol=1e-3)


def test_a_group_without_rows_gives_no_nan() -> None:
    rows = small_rows(300, n_classes=2, n_groups=2, seed=0)
    labels = torch.where(rows.groups == 1, 0, rows.labels)
    chunks = Chunks(SmallPart(rows.inputs, labels, rows.groups), 64)
    [layer] = streamed_penalty_path(chunks, rate_family("equalized_odds", 2), 2, 3, [10.0])
    assert layer.weight.isfinite().all()


def test_no_rows() -> None:
    with pytest.raises(DataError, match="chunks has no rows"):
        list(streamed_penalty_path(list, rate_family("equalized_odds", 2), 2, 2, [1.0]))
