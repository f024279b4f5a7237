"""A small data set with uneven groups, cut into batches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

NUMBER = 13


def split_batches(inputs: Any, targets: Any, groups: Tensor, size: int) -> list[Any]:
    """Cut a data set into batches, the last one smaller."""

    def cut(value: Any, start: int) -> Any:
        if isinstance(value, dict):
            return {key: cut(item, start) for key, item in value.items()}
        if isinstance(value, tuple):
            return tuple(cut(item, start) for item in value)
        return value[start : start + size]

    starts = range(0, len(groups), size)
    return [tuple(cut(part, start) for part in (inputs, targets, groups)) for start in starts]


def classes_and_groups() -> tuple[Tensor, Tensor]:
    """Targets of three classes; three groups, of which the last batches lack some; one row out."""
    groups = torch.tensor([0, 1, 2, 0, -1, 1, 1, 0, 0, 1, 1, 0, 0])
    return torch.arange(NUMBER) % 3, groups


def token_inputs() -> dict[str, Tensor]:
    """Random tokens, of which each sample uses the first few."""
    lengths = torch.arange(NUMBER) % 6 + 2
    mask = (torch.arange(7) < lengths[:, None]).long()
    return {"tokens": torch.randint(0, 11, (NUMBER, 7)), "attention_mask": mask}
