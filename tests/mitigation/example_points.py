"""Operating points with counts that are easy to see through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import nn

from fairfactor.fairness import ConfusionCounts
from fairfactor.mitigation.cell_model import ClassNetwork
from fairfactor.mitigation.constraint import Constraint
from fairfactor.mitigation.operating_point import OperatingPoint

MODEL = ClassNetwork(nn.Linear(1, 2), 2)


def counts(accuracy, gap, rows=10_000):
    """Two groups without positives whose selection rates differ by a gap, and that accuracy."""
    selected = np.array([1 - accuracy - gap / 2, 1 - accuracy + gap / 2]) * rows
    cells = np.zeros((2, 2, 2), dtype=np.int64)
    cells[:, 0, 1] = np.rint(selected)
    cells[:, 0, 0] = rows - cells[:, 0, 1]
    return ConfusionCounts(cells, ("a", "b"))


def point(accuracy, gap, train_gap=None, recipe="r"):
    return OperatingPoint(
        recipe=recipe,
        setting={},
        train=counts(accuracy, gap if train_gap is None else train_gap),
        validation=counts(accuracy, gap),
        trained_parameters=1,
        groups_at_prediction=False,
        cell_model=MODEL,
        weights=np.eye(2)[:, :, None],
    )


def at_most(gap):
    return [Constraint("demographic_parity", gap)]


def rates(selected, positives, rows=10_000):
    """Two groups with those shares of positives and those (TPR, FPR)."""
    cells = np.zeros((2, 2, 2), dtype=np.int64)
    for group, (share, both) in enumerate(zip(positives, selected, strict=True)):
        of_label = np.array([rows * (1 - share), rows * share])
        cells[group, :, 1] = np.rint(of_label * both[::-1])
        cells[group, :, 0] = np.rint(of_label) - cells[group, :, 1]
    return ConfusionCounts(cells, ("a", "b"))


def of_counts(validation, train=None):
    return replace(point(0.5, 0.0), train=train or validation, validation=validation)


CONSTANT = of_counts(rates([(0, 0), (0, 0)], (0.4, 0.2)))
