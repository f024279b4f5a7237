"""The rows of one part of a split, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fairfactor.groups import EXCLUDED


@dataclass(frozen=True, eq=False)
class Part:
    """The rows of one part of the split.

    Attributes:
        inputs: float32, shape (n, d).
        labels: int64, shape (n,): class codes 0..K-1.
        groups: int64, shape (n,): group codes, -1 for a row that belongs to no group.
    """

    inputs: Tensor
    labels: Tensor
    groups: Tensor

    @property
    def grouped(self) -> Part:
        """The rows that belong to a group."""
        rows = self.groups != EXCLUDED
        return Part(self.inputs[rows], self.labels[rows], self.groups[rows])
