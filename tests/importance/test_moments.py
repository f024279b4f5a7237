"""Moments of inputs per cell of group and class, and the directions between them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.importance.small_models import deep_mlp
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, DataError
from fairfactor.importance import InputMoments, input_moments

GROUPS = torch.tensor([0, 1, 1, 0, 2, -1, 1, 0, 0, 2])
CLASSES = torch.tensor([0, 1, 0, 1, 1, 1, 1, 0, 1, 1])


def moments_of(model: nn.Module, inputs: Tensor, size: int, **arguments: Any) -> InputMoments:
    parts = zip(inputs.split(size), CLASSES.split(size), GROUPS.split(size), strict=True)
    (found,) = input_moments(model, parts, **arguments).values()
    return found


@pytest.mark.parametrize("size", [1, 4, 10])
def test_moments_of_a_head(size: int) -> None:
    torch.manual_seed(0)
    model, inputs = deep_mlp().double(), torch.randn(10, 6).double()
    found = moments_of(model, inputs, size)
    features = model[:4](inputs).detach()
    assert found.groups == ("0", "1", "2")
    assert found.counts.tolist() == [[2, 2], [1, 2], [0, 2]]
    for group in range(3):
        for code in range(2):
            rows = features[(group == GROUPS) & (code == CLASSES)]
            expected = rows.mean(dim=0) if len(rows) else torch.zeros(7).double()
            torch.testing.assert_close(found.cell_means[group, code], expected)
    included = features[GROUPS >= 0]
    torch.testing.assert_close(found.mean, included.mean(dim=0))
    torch.testing.assert_close(found.second_moment, included.T @ included / 9)
    torch.testing.assert_close(found.covariance, included.T.cov(correction=0))


def test_directions() -> None:
    torch.manual_seed(1)
    inputs = torch.randn(10, 4).double()
    found = moments_of(nn.Linear(4, 2).double(), inputs, 10)

    def mean(rows: Tensor) -> Tensor:
        return inputs[rows & (GROUPS >= 0)].mean(dim=0)

    parity = [mean(group == GROUPS) - mean(GROUPS >= 0) for group in range(3)]
    torch.testing.assert_close(found.demographic_parity_directions(), torch.stack(parity, dim=1))

    def within(code: int, groups: list[int]) -> Tensor:
        chosen = code == CLASSES
        return torch.stack([mean(chosen & (s == GROUPS)) - mean(chosen) for s in groups], dim=1)

    negative, positive = within(0, [0, 1]), within(1, [0, 1, 2])
    torch.testing.assert_close(found.equal_opportunity_directions(), positive)
    torch.testing.assert_close(found.equal_opportunity_directions(0), negative)
    both = torch.cat([negative, positive], dim=1)
    torch.testing.assert_close(found.equalized_odds_directions(), both)


def test_cells_of_groups_read_no_targets() -> None:
    torch.manual_seed(2)
    inputs = torch.randn(10, 4).double()
    batch = (inputs, None, GROUPS)
    found = input_moments(nn.Linear(4, 2).double(), [batch], cells="group")[""]
    assert found.counts.tolist() == [[4], [3], [2]]
    by_class = moments_of(nn.Linear(4, 2).double(), inputs, 10)
    torch.testing.assert_close(
        found.demographic_parity_directions(), by_class.demographic_parity_directions()
    )


def test_classes_that_one_group_has_give_no_direction() -> None:
    model, inputs = nn.Linear(4, 3), torch.randn(4, 4)
    batch = (inputs, torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([0, 1, 0, 0]))
    found = input_moments(model, [batch])[""]
    assert found.equalized_odds_directions().shape == (4, 2)
    with pytest.raises(DataError, match="Only one group has samples of class 1"):
        found.equal_opportunity_directions()
    with pytest.raises(ArgumentError, match="a class from 0 to 1"):
        found.equal_opportunity_directions(2)
    apart = (inputs, torch.tensor([0, 1, 0, 0]), torch.tensor([0, 1, 0, 0]))
    with pytest.raises(DataError, match="No class has samples of two groups"):
        input_moments(model, [apart])[""].equalized_odds_directions()


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (torch.full((10,), 0.5), "Target 0.5 is not a class"),
        (torch.full((10,), -1), "Target -1 is not a class"),
    ],
)
def test_targets_that_are_not_classes_are_refused(targets: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        input_moments(nn.Linear(4, 2), [(torch.randn(10, 4), targets, GROUPS)])


def test_other_refusals() -> None:
    model = deep_mlp()
    batch = (torch.randn(10, 6), None, GROUPS)
    with pytest.raises(ArgumentError, match="Use cells='group' without classes"):
        input_moments(model, [batch])
    with pytest.raises(ArgumentError, match="one of group_and_class, group"):
        input_moments(model, [batch], cells="class")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no sample with a group"):
        input_moments(model, [])
    with pytest.raises(DataError, match="Group 'D'"):
        input_moments(model, [batch], cells="group", group_names=["A", "B", "C", "D"])
    with pytest.raises(DataError, match="inputs that are not finite"):
        input_moments(model, [(batch[0] * torch.inf, None, GROUPS)], cells="group")
    with pytest.raises(ArgumentError, match="layers that the model calls"):
        input_moments(
            model,
            [batch],
            cells="group",
            layers="0",
            forward=lambda m, x: m[1:](x.repeat(1, 2)[:, :9]),
        )
    assert not any(module._forward_hooks for module in model.modules())
