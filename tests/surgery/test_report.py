from __future__ import annotations

import pytest
import torch
from tests.surgery.examples import truncated
from torch import nn

from fairfactor.surgery import LowRankConv2d, LowRankLinear, ReplacementReport


def test_the_published_head() -> None:
    """A 20 × 2 head at rank 2 has the paper's 46 parameters and changes nothing."""
    torch.manual_seed(0)
    original = nn.Linear(20, 2)
    layer = LowRankLinear.from_factors(truncated(original.weight, 2), original.bias)
    report = ReplacementReport.of(original, layer)
    assert report.parameters_before == 42
    assert report.parameters_after == 46
    assert report.is_full_rank
    assert report.break_even_rank == 1
    assert report.relative_change == pytest.approx(0, abs=1e-14)


def test_change_is_the_dropped_part_of_the_spectrum() -> None:
    weight = torch.diag(torch.tensor([3.0, 4.0, 0.0, 12.0]))
    original = nn.Linear(4, 4, bias=False)
    original.weight.data = weight
    layer = LowRankLinear.from_factors(truncated(weight, 1))
    report = ReplacementReport.of(original, layer)
    assert report.relative_change == pytest.approx(5 / 13)
    assert not report.is_full_rank
    assert (report.rank, report.parameters_before, report.parameters_after) == (1, 16, 8)


def test_convolution() -> None:
    torch.manual_seed(0)
    original = nn.Conv2d(3, 8, 3)
    layer = LowRankConv2d.from_factors(
        truncated(original.weight.flatten(1), 2), original.bias, kernel_size=(3, 3)
    )
    report = ReplacementReport.of(original, layer)
    assert (report.parameters_before, report.parameters_after) == (224, 78)
    S = torch.linalg.svdvals(original.weight.detach().double().flatten(1))
    assert report.relative_change == pytest.approx(float(S[2:].norm() / S.norm()))


def test_zero_weight() -> None:
    original = nn.Linear(4, 3)
    nn.init.zeros_(original.weight)
    layer = LowRankLinear.from_factors(truncated(original.weight, 1))
    assert ReplacementReport.of(original, layer).relative_change == 0.0
    nn.init.ones_(layer.up.weight)
    nn.init.ones_(layer.down.weight)
    assert ReplacementReport.of(original, layer).relative_change == float("inf")
