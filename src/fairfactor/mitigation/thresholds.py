"""Inputs cut into steps, so that a shallow path can bend where a linear one cannot."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

_FEWEST_VALUES = 3
_STEP = 5.0  # a step of Adam has a fixed size in the weight: large features learn fast


class ThresholdFeatures(nn.Module):
    """x → (x, ±5/2 on either side of every threshold t of every numeric input j).

    Args:
        thresholds: Their number.

    Attributes:
        values: t, (thresholds,).
        columns: j, (thresholds,).
    """

    values: Tensor
    columns: Tensor

    def __init__(self, thresholds: int) -> None:
        super().__init__()
        self.register_buffer("values", torch.zeros(thresholds))
        self.register_buffer("columns", torch.zeros(thresholds, dtype=torch.int64))

    @classmethod
    def fit(cls, inputs: Tensor, *, most: int = 32) -> Self:
        """Place thresholds halfway between the values that occur, evenly in their order.

        An input with two values is a category already and gets none.

        Args:
            inputs: Training inputs, (rows × features).
            most: Most thresholds of one input.

        Returns:
            The module.
        """
        values, columns = [], []
        for column in range(inputs.shape[1]):
            distinct = torch.unique(inputs[:, column])
            if len(distinct) < _FEWEST_VALUES:
                continue
            between = (distinct[1:] + distinct[:-1]) / 2
            kept = torch.linspace(0, len(between) - 1, min(most, len(between))).long()
            values.append(between[kept])
            columns.append(torch.full((len(kept),), column))
        module = cls(sum(map(len, values)))
        if values:
            module.values.copy_(torch.cat(values))
            module.columns.copy_(torch.cat(columns))
        return module

    def forward(self, inputs: Tensor) -> Tensor:
        """The inputs and their steps.

        Args:
            inputs: (rows × features).

        Returns:
            (rows × (features + thresholds)).
        """
        steps = ((inputs[:, self.columns] > self.values).to(inputs) - 0.5) * _STEP
        return torch.cat([inputs, steps], dim=1)
