"""How the benchmark protocol trains a network, and how far a training is.

Adam at 0.01, divided by 10 every 50 steps; 150 steps of 1,024 rows, as in the Fair Fairness
Benchmark (Han et al. 2024, arXiv:2306.09468).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.features import evaluation_mode
from fairfactor.models.mlp import build_mlp
from fairfactor.part import Part

STEPS = 150
BATCH_SIZE = 1024
LEARNING_RATE = 0.01
STEPS_PER_RATE = 50

_LOOK_EVERY = 15  # steps
_LOOKED_AT = 2000  # validation rows, so that looking costs little

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From the logits (n × K), labels (n) and group codes (n) of a batch to its loss."""


@dataclass(frozen=True)
class LossPoint:
    """How far a training is.

    Attributes:
        step: Steps so far.
        training: Mean loss of the batches since the last point.
        validation: Loss of some validation rows.
    """

    step: int
    training: float
    validation: float


def pretrain(part: Part, *, hidden: Sequence[int], n_classes: int, seed: int) -> nn.Sequential:
    """Build the network of the protocol and train it with cross-entropy alone.

    Args:
        part: Rows to train on.
        hidden: Widths of the hidden layers.
        n_classes: Number of classes.
        seed: Seed of the initial weights and the order of the rows.

    Returns:
        The network, in evaluation mode.
    """
    network = build_mlp((part.inputs.shape[1], *hidden, n_classes), seed=seed)
    train_network(network, part, seed=seed)
    return network


def cross_entropy(logits: Tensor, labels: Tensor, _groups: Tensor) -> Tensor:
    """Mean of −log p(label), the loss of the backbone."""
    return functional.cross_entropy(logits, labels)


def train_network(
    network: nn.Module,
    part: Part,
    loss: Loss = cross_entropy,
    *,
    seed: int,
    watched: Part | None = None,
) -> tuple[LossPoint, ...]:
    """Train a network in place with the protocol's optimizer and number of steps.

    Args:
        network: Any module from inputs to logits; it is left in evaluation mode.
        part: Rows to train on.
        loss: Loss of a batch.
        seed: Seed of the order of the rows.
        watched: Validation rows whose loss is looked at on the way; they change nothing.

    Returns:
        How it went, if there are rows to watch.
    """
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, STEPS_PER_RATE, gamma=0.1)
    points: list[LossPoint] = []
    recent: list[Tensor] = []
    for step, rows in enumerate(_batches(len(part.labels), seed), 1):
        optimizer.zero_grad()
        value = loss(network(part.inputs[rows]), part.labels[rows], part.groups[rows])
        value.backward()
        optimizer.step()
        schedule.step()
        recent.append(value.detach())
        if watched is not None and step % _LOOK_EVERY == 0:
            training = float(torch.stack(recent).mean())
            points.append(LossPoint(step, training, _watched_loss(network, watched, loss)))
            recent.clear()
    network.eval()
    return tuple(points)


def _watched_loss(network: nn.Module, part: Part, loss: Loss) -> float:
    """The loss of some rows, in evaluation mode."""
    some = slice(_LOOKED_AT)
    with evaluation_mode(network):
        return float(loss(network(part.inputs[some]), part.labels[some], part.groups[some]))


def _batches(rows: int, seed: int) -> Iterator[Tensor]:
    """Yield the rows of each step: full batches, shuffled anew when too few rows are left."""
    generator = torch.Generator().manual_seed(seed)
    size = min(BATCH_SIZE, rows)
    left: tuple[Tensor, ...] = ()
    for _ in range(STEPS):
        if not left:
            full = rows // size * size
            left = torch.randperm(rows, generator=generator)[:full].split(size)
        yield left[0]
        left = left[1:]
