"""The benchmark protocol: one problem for one seed, shared by our method and by every peer.

It is that of the Fair Fairness Benchmark (Han et al. 2024, arXiv:2306.09468): 40/30/30 % of the
rows, stratified on the label; a ReLU network d-512-256-64-K; Adam at 0.01, divided by 10 every 50
steps; 150 steps of 1,024 rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.data.encoding import TableEncoder
from fairfactor.data.splits import benchmark_split
from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError, FairfactorWarning
from fairfactor.fairness import ConfusionCounts, confusion_counts
from fairfactor.features import evaluation_mode
from fairfactor.groups import EXCLUDED, Groups, encode_groups
from fairfactor.models.mlp import build_mlp, is_mlp, layer_widths
from fairfactor.starting_model import StartingModel
from fairfactor.trees.tree_scores import TreeScores, fit_tree_scores

Backbone = Literal["network", "boosted-trees"]
"""The protocol's network, or the same with `fairfactor.trees.tree_scores` as more inputs."""

HIDDEN = (512, 256, 64)
STEPS = 150
BATCH_SIZE = 1024
LEARNING_RATE = 0.01
STEPS_PER_RATE = 50

_LOOK_EVERY = 15  # steps
_LOOKED_AT = 2000  # validation rows, so that looking costs little

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From the logits (n × K), labels (n) and group codes (n) of a batch to its loss."""


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


@dataclass(frozen=True, eq=False)
class PretrainedProblem:
    """A pre-trained network with the rows to tune it on, as `fairfactor.mitigation.tune` wants it.

    Attributes:
        train: Rows to train on.
        validation: Rows to choose a setting on.
        backbone: The pre-trained, unmitigated network in evaluation mode. Methods change a copy.
        class_names: Name of each class code; for two classes, code 1 is the positive class.
        group_names: Name of each group code.
    """

    train: Part
    validation: Part
    backbone: nn.Module
    class_names: tuple[str, ...]
    group_names: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem(PretrainedProblem):
    """What every method of a comparison is given, the test rows of the protocol included.

    Attributes:
        seed: Seed of the split, the initial weights and the order of the rows.
        test: Rows to report on.
        test_positions: Their positions in the table.
        encoder: From the columns of the table to the inputs, learned from ``train``.
        tree_scores: From what the encoder gives to the inputs, if the backbone reads scores of
            trees, which are the inputs' last columns.
        seconds: How long the pre-training took.
        losses: How the pre-training went; empty for a network that came trained.
    """

    seed: int
    test: Part
    test_positions: NDArray[np.int64]
    encoder: TableEncoder
    tree_scores: TreeScores | None
    seconds: float
    losses: tuple[LossPoint, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Name of each input of the backbone."""
        return self.encoder.feature_names + (self.tree_scores.names if self.tree_scores else ())

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of inputs, of units of each hidden layer, and of outputs of the backbone."""
        return layer_widths(self.backbone, self.train.inputs.shape[1], len(self.class_names))

    @property
    def is_plain(self) -> bool:
        """Whether the backbone is a network of `build_mlp`."""
        return is_mlp(self.backbone)


def make_problem(
    task: TableTask,
    *,
    seed: int,
    hidden: Sequence[int] = HIDDEN,
    groups: Groups | None = None,
    start: StartingModel | None = None,
    backbone: Backbone = "network",
) -> Problem:
    """Split a table, encode it and pre-train the backbone with cross-entropy.

    The same arguments and number of threads give the same problem; PyTorch's global generator and
    threads are left as they are. A category that the training rows do not have is all zeros.

    Args:
        task: The table.
        seed: Seed of the split, the initial weights and the order of the rows.
        hidden: Widths of the hidden layers.
        groups: Group of each row of the table. By default those of the sensitive features, with
            groups of fewer than 30 rows merged into one.
        start: The pre-trained network to start from; ``hidden`` is not used then.
        backbone: What the backbone is.

    Returns:
        The problem.

    Raises:
        ArgumentError: If there are not as many group codes as rows, or the network to start from
            cannot read scores of trees.
    """
    groups = groups or encode_groups(task.sensitive_features, small_groups="merge")
    if len(groups) != len(task.frame):
        raise ArgumentError("groups", len(groups), f"{len(task.frame)} codes, one for each row")
    if backbone == "boosted-trees" and start is not None and start.encoder is not None:
        raise ArgumentError(
            "backbone", backbone, "network for a start from a run, whose inputs are fixed"
        )
    labels = task.labels
    split = benchmark_split(labels, seed=seed, together=task.together, published=task.published)
    encoder = start.fitting_encoder(task) if start else None
    encoder = encoder or TableEncoder.fit(task.inputs.iloc[split["train"]], "one_hot")
    with warnings.catch_warnings():
        # What is done with missing numbers is in the plan of the columns.
        warnings.simplefilter("ignore", FairfactorWarning)
        parts = encode_parts(encoder, task.inputs, labels, groups.codes, split)
    began = perf_counter()
    tree_scores = None
    if backbone == "boosted-trees":
        parts, tree_scores = _with_tree_scores(
            parts, encoder.source_columns, task.class_names, groups.names, seed
        )
    number, untrained = parts["train"].inputs.shape[1], True
    if start is None:
        widths = (number, *hidden, len(task.class_names))
        network: nn.Module = build_mlp(widths, seed=seed)
    else:
        network, untrained = start.build(number, task.class_names, seed)
    losses: tuple[LossPoint, ...] = ()
    if untrained:
        losses = train_network(network, parts["train"], seed=seed, watched=parts["validation"])
    return Problem(
        seed=seed,
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        test_positions=split["test"],
        backbone=network,
        class_names=task.class_names,
        group_names=groups.names,
        encoder=encoder,
        tree_scores=tree_scores,
        seconds=perf_counter() - began,
        losses=losses,
    )


def encode_parts(
    encoder: TableEncoder,
    frame: pd.DataFrame,
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    split: Mapping[str, NDArray[np.int64]],
) -> dict[str, Part]:
    """Encode the rows of each part; a category that the encoder does not know is all zeros.

    Args:
        encoder: Learned from the training rows.
        frame: The columns that it knows.
        labels: Class codes, shape (rows,).
        groups: Group codes, shape (rows,).
        split: Row positions of each part; a row may be there more than once.

    Returns:
        The parts.
    """
    with warnings.catch_warnings():
        # Some rare category is missing from the training rows of nearly every seed.
        warnings.filterwarnings("ignore", ".*not in the training rows", FairfactorWarning)
        inputs = encoder.transform(frame)
    return {
        name: Part(
            torch.from_numpy(inputs[rows]),
            torch.from_numpy(labels[rows]),
            torch.from_numpy(groups[rows]),
        )
        for name, rows in split.items()
    }


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


def predict_classes(network: nn.Module, inputs: Tensor) -> NDArray[np.int64]:
    """The most probable class of each row.

    Args:
        network: A module from inputs to logits, in evaluation mode.
        inputs: Shape (n, d).

    Returns:
        Class codes, shape (n,).
    """
    with torch.no_grad():
        classes: NDArray[np.int64] = network(inputs).argmax(dim=1).numpy()
    return classes


def count_classes(problem: Problem, part: Part, classes: NDArray[np.int64]) -> ConfusionCounts:
    """Count predictions by group and class; rows of no group are counted nowhere.

    Args:
        problem: The problem.
        part: The rows.
        classes: Predicted class codes, shape (n,).

    Returns:
        The counts.
    """
    return confusion_counts(
        part.labels.numpy(),
        classes,
        Groups(part.groups.numpy(), problem.group_names),
        n_classes=len(problem.class_names),
    )


def _with_tree_scores(
    parts: Mapping[str, Part],
    source_columns: tuple[str, ...],
    class_names: tuple[str, ...],
    group_names: tuple[str, ...],
    seed: int,
) -> tuple[dict[str, Part], TreeScores]:
    """Put the scores of trees, which know the training rows alone, beside the inputs."""
    train = parts["train"]
    tree_scores, out_of_fold = fit_tree_scores(
        train.inputs,
        train.labels,
        train.groups,
        source_columns=source_columns,
        class_names=class_names,
        group_names=group_names,
        seed=seed,
    )
    scored = {
        name: replace(part, inputs=out_of_fold if part is train else tree_scores(part.inputs))
        for name, part in parts.items()
    }
    return scored, tree_scores


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
