"""Sums of squared per-sample gradients from inputs and output gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fairfactor.importance.calls import LayerUse
from fairfactor.importance.group_sums import FEW_GROUPS, GroupSums

CPU = torch.device("cpu")
STATISTICS = ("diagonal", "input_matrix", "kronecker")


@pytest.mark.parametrize("groups", [3, FEW_GROUPS + 1])
@settings(max_examples=25, deadline=None)
@given(
    positions=st.sampled_from([1, 2, 12, 150]),
    inputs=st.integers(1, 6),
    outputs=st.integers(1, 6),
    statistics=st.sets(st.sampled_from(STATISTICS)),
)
def test_every_form_equals_the_definition(
    groups: int, positions: int, inputs: int, outputs: int, statistics: set[str]
) -> None:
    torch.manual_seed(positions)
    x = torch.randn(5, positions, inputs).double()
    g = torch.randn(5, positions, outputs).double()
    g[1, -1] = 0  # a position that the loss does not see
    codes = torch.tensor([0, 2, 0, 2, 2])
    sums = GroupSums(inputs, outputs, statistics, CPU)
    sums.grow(groups)
    for rows in torch.arange(5).split(3):
        sums.add([LayerUse(nn.Linear(1, 1), x[rows], g[rows])], codes[rows])
    counts = torch.tensor([2, 0, 3] + [0] * (groups - 3))
    means = sums.means(counts)

    gradients = torch.einsum("sto,sti->soi", g, x)
    seen = torch.ones(5, positions).double()
    if positions > 1:
        seen[1, -1] = 0
    samples = {
        "row_importance": gradients.square().sum(dim=1),
        "diagonal": gradients.square(),
        "input_matrix": torch.einsum("soi,soj->sij", gradients, gradients),
        "output_factor": torch.einsum("sto,stp->sop", g, g),
        "input_factor": torch.einsum("sti,stj,st->sij", x, x, seen),
    }
    wanted = {"row_importance", *(statistics - {"kronecker"})}
    if "kronecker" in statistics:
        wanted |= {"input_factor", "output_factor"}
    assert set(means) == wanted
    for name in wanted:
        for code in (0, 2):
            total = samples[name][codes == code].sum(dim=0)
            number = seen[codes == code].sum() if name == "input_factor" else counts[code]
            torch.testing.assert_close(means[name][code], total / number, rtol=1e-10, atol=1e-12)
        assert not means[name][1].any()


def test_sums_of_single_precision_do_not_lose_small_terms() -> None:
    sums = GroupSums(1, 1, (), CPU)
    sums.grow(1)
    codes = torch.zeros(1, dtype=torch.int64)
    one = torch.ones(1, 1, 1)
    sums.add([LayerUse(nn.Linear(1, 1), one * 1e4, one)], codes)
    for _ in range(1000):
        sums.add([LayerUse(nn.Linear(1, 1), one, one)], codes)
    assert sums.sums["row_importance"].item() == 1e8 + 1000
