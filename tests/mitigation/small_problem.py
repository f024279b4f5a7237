"""A small table with a biased label, and a network that was trained on it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.models.mlp import build_mlp


@dataclass(frozen=True, eq=False)
class SmallPart:
    inputs: Tensor
    labels: Tensor
    groups: Tensor


@dataclass(frozen=True, eq=False)
class SmallProblem:
    train: SmallPart
    validation: SmallPart
    backbone: nn.Module
    class_names: tuple[str, ...]
    group_names: tuple[str, ...]


WIDTHS = (6, 16, 12, 8)


def small_rows(rows: int, *, n_classes: int, n_groups: int, seed: int) -> SmallPart:
    """Rows whose inputs tell the group, which has some influence on the label."""
    generator = torch.Generator().manual_seed(seed)
    groups = torch.randint(n_groups, (rows,), generator=generator)
    inputs = torch.randn(rows, WIDTHS[0], generator=generator)
    inputs[:, 0] += 1.2 * groups
    inputs[:, 1] = (inputs[:, 1] > 0).float()
    scores = inputs[:, :n_classes] + torch.randn(rows, n_classes, generator=generator)
    scores[:, -1] += 0.4 * groups
    labels = scores.argmax(dim=1)
    groups[torch.rand(rows, generator=generator) < 0.02] = -1
    return SmallPart(inputs, labels, groups)


def small_problem(n_classes: int = 2, n_groups: int = 2, rows: int = 800) -> SmallProblem:
    train = small_rows(rows, n_classes=n_classes, n_groups=n_groups, seed=0)
    backbone = build_mlp((*WIDTHS, n_classes), seed=0)
    optimizer = torch.optim.Adam(backbone.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        functional.cross_entropy(backbone(train.inputs), train.labels).backward()
        optimizer.step()
    return SmallProblem(
        train,
        small_rows(rows, n_classes=n_classes, n_groups=n_groups, seed=1),
        backbone.eval(),
        tuple(f"class {c}" for c in range(n_classes)),
        tuple(f"group {s}" for s in range(n_groups)),
    )


def random_cells(rows: int, n_classes: int, n_groups: int, seed: int = 0) -> Tensor:
    """p(y, s | x) of random rows, in float64."""
    generator = torch.Generator().manual_seed(seed)
    logits = 1.5 * torch.randn(rows, n_classes, n_groups, generator=generator, dtype=torch.float64)
    return logits.flatten(1).softmax(dim=1).unflatten(1, (n_classes, n_groups))
