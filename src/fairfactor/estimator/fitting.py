"""From columns, labels and groups to a network, by the steps that every tuning takes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from fairfactor.data.columns import NumericColumn
from fairfactor.data.encoding import TableEncoder
from fairfactor.data.splits import split_rows
from fairfactor.errors import ArgumentError, DataError
from fairfactor.estimator.rows import Positions, own_order, repeated
from fairfactor.features import evaluation_mode
from fairfactor.groups import Groups
from fairfactor.mitigation import Constraint, FairModel, Tuned, tune
from fairfactor.mitigation.cell_model import ClassNetwork
from fairfactor.part import Part
from fairfactor.problem import PretrainedProblem
from fairfactor.protocol import encode_parts
from fairfactor.training import pretrain


@dataclass(frozen=True, eq=False)
class Examples:
    """The rows of a fit.

    Attributes:
        frame: The inputs.
        labels: Class codes, (rows,).
        class_names: Name of each class.
        groups: Group of each row, or ``None`` if there are no sensitive features.
        weights: Weight of each row, or ``None`` if all count the same.
    """

    frame: pd.DataFrame
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    groups: Groups | None
    weights: NDArray[np.float64] | None

    @property
    def codes(self) -> NDArray[np.int64]:
        """Group codes, all 0 without groups."""
        return np.zeros_like(self.labels) if self.groups is None else self.groups.codes

    def split(self, proportions: dict[str, float], seed: int) -> dict[str, Positions]:
        """Deal the rows to parts, each with its share of every class within every group.

        Rows are repeated by their weights after that, so that no row is in two parts.

        Args:
            proportions: Share of each part.
            seed: Seed of the split.

        Returns:
            Row positions of each part.
        """
        cells = self.labels + len(self.class_names) * self.codes
        order = own_order(self.frame, cells)
        parts = split_rows(len(order), proportions, seed=seed, stratify=cells[order])
        rows = {name: order[places] for name, places in parts.items()}
        if self.weights is None:
            return rows
        return {name: repeated(part, self.weights[part], seed) for name, part in rows.items()}


def fit_plain(
    examples: Examples, hidden: Sequence[int], backbone: nn.Module | None, seed: int
) -> tuple[TableEncoder, FairModel]:
    """Train the network of the protocol on all rows, without any mitigation.

    Args:
        examples: The rows.
        hidden: Widths of the hidden layers.
        backbone: A trained network that is taken instead.
        seed: Seed of everything random.

    Returns:
        The encoder, and the network with the rule that the most probable class wins.
    """
    encoder, parts = _encoded(examples, {"train": 1.0}, raw=backbone is not None, seed=seed)
    n_classes = len(examples.class_names)
    network = _network(parts["train"], hidden, backbone, n_classes, seed)
    weights = np.eye(n_classes)[:, :, None]
    return encoder, FairModel(ClassNetwork(network, n_classes), weights).eval()


def fit_tuned(
    examples: Examples,
    constraints: Sequence[Constraint],
    *,
    recipes: Sequence[str],
    confidence: float | None,
    validation_fraction: float,
    hidden: Sequence[int],
    backbone: nn.Module | None,
    seed: int,
) -> tuple[TableEncoder, Tuned]:
    """Pre-train the network on a part of the rows and tune it, choosing on the others.

    Args:
        examples: The rows, with groups.
        constraints: What has to hold.
        recipes: Names in `fairfactor.mitigation.RECIPES`.
        confidence: As in `fairfactor.mitigation.tune`.
        validation_fraction: Share of the rows to choose on.
        hidden: Widths of the hidden layers.
        backbone: A trained network that is taken instead.
        seed: Seed of everything random.

    Returns:
        The encoder and what tuning found.
    """
    assert examples.groups is not None
    shares = {"train": 1 - validation_fraction, "validation": validation_fraction}
    encoder, parts = _encoded(examples, shares, raw=backbone is not None, seed=seed)
    network = _network(parts["train"], hidden, backbone, len(examples.class_names), seed)
    problem = PretrainedProblem(
        train=parts["train"],
        validation=parts["validation"],
        backbone=network,
        class_names=examples.class_names,
        group_names=examples.groups.names,
    )
    tuned = tune(
        problem, constraints=constraints, recipes=recipes, confidence=confidence, seed=seed
    )
    return encoder, tuned


def _encoded(
    examples: Examples, proportions: dict[str, float], *, raw: bool, seed: int
) -> tuple[TableEncoder, dict[str, Part]]:
    """Split the rows and encode them by what the training rows say.

    Returns:
        The encoder and the parts.

    Raises:
        DataError: If the weights leave no row of a class or no row at all in a part.
    """
    split = examples.split(proportions, seed)
    for name, rows in split.items():
        present = np.unique(examples.labels[rows])
        if len(present) < len(examples.class_names):
            raise DataError(
                f"the {name} rows have {len(present)} of {len(examples.class_names)} classes: "
                "expected every class in each part. Give more rows, or other weights."
            )
    train = examples.frame.iloc[split["train"]]
    encoder = _raw_encoder(train) if raw else TableEncoder.fit(train, "one_hot")
    parts = encode_parts(encoder, examples.frame, examples.labels, examples.codes, split)
    return encoder, parts


def _raw_encoder(train: pd.DataFrame) -> TableEncoder:
    """Pass numbers on as they are, because a network of the user knows them so.

    Returns:
        An encoder with mean 0 and scale 1; a missing number becomes the median.
    """
    columns = [NumericColumn.fit(train[name]) for name in train.columns]
    return TableEncoder(tuple(replace(column, mean=0.0, scale=1.0) for column in columns))


def _network(
    part: Part, hidden: Sequence[int], backbone: nn.Module | None, n_classes: int, seed: int
) -> nn.Module:
    """The user's network, copied and checked, or one that is trained now.

    Returns:
        The network, in evaluation mode.

    Raises:
        ArgumentError: If the user's network does not go from these inputs to these classes.
    """
    if backbone is None:
        return pretrain(part, hidden=hidden, n_classes=n_classes, seed=seed)
    accepted = f"a module from (rows × {part.inputs.shape[1]}) to logits (rows × {n_classes})"
    try:
        with evaluation_mode(backbone):
            logits = backbone(part.inputs[:2])
    except (RuntimeError, TypeError, ValueError) as error:
        raise ArgumentError("backbone", type(backbone).__name__, f"{accepted} ({error})") from error
    if not isinstance(logits, torch.Tensor) or logits.shape != (
        min(2, len(part.labels)),
        n_classes,
    ):
        raise ArgumentError("backbone", type(backbone).__name__, accepted)
    return copy.deepcopy(backbone).eval()
