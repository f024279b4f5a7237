"""The benchmark protocol: one problem for one seed, shared by our method and by every peer.

It is that of the Fair Fairness Benchmark (Han et al. 2024, arXiv:2306.09468): 40/30/30 % of the
rows, stratified on the label; a ReLU network d-512-256-64-K, trained as `fairfactor.training` says.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from fairfactor.data.encoding import TableEncoder
from fairfactor.data.splits import benchmark_split
from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError, FairfactorWarning
from fairfactor.groups import Groups, encode_groups
from fairfactor.models.mlp import build_mlp
from fairfactor.part import Part
from fairfactor.problem import Problem
from fairfactor.starting_model import StartingModel
from fairfactor.training import LossPoint, train_network
from fairfactor.trees.tree_scores import TreeScores, fit_tree_scores

Backbone = Literal["network", "boosted-trees"]
"""The protocol's network, or the same with `fairfactor.trees.tree_scores` as more inputs."""

HIDDEN = (512, 256, 64)


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
