"""Operating points with their models on disk, for work that is interrupted."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from fairfactor.fairness import ConfusionCounts
from fairfactor.mitigation.cell_model import CellModel
from fairfactor.mitigation.fair_model import CELL_MODELS
from fairfactor.mitigation.operating_point import OperatingPoint
from fairfactor.mitigation.rates import Array
from fairfactor.stored_values import load_value, save_value
from fairfactor.surgery import load_model, read_saved_config, save_model


@dataclass(frozen=True, eq=False)
class _ModelPoints:
    """All points of one model, their arrays stacked."""

    recipe: str
    setting: dict[str, Any]
    trained_parameters: int
    groups_at_prediction: bool
    group_names: tuple[str, ...]
    train: Array
    validation: Array
    weights: Array


def save_points(points: Sequence[OperatingPoint], folder: Path) -> None:
    """Write operating points, each model once.

    Args:
        points: The points.
        folder: An existing folder.
    """
    by_model: dict[CellModel, list[OperatingPoint]] = {}
    for point in points:
        by_model.setdefault(point.cell_model, []).append(point)
    stacked = []
    for place, (model, own) in enumerate(by_model.items()):
        first = own[0]
        stacked.append(
            _ModelPoints(
                recipe=first.recipe,
                setting=dict(first.setting),
                trained_parameters=first.trained_parameters,
                groups_at_prediction=first.groups_at_prediction,
                group_names=first.train.group_names,
                train=np.stack([point.train.cells for point in own]),
                validation=np.stack([point.validation.cells for point in own]),
                weights=np.stack([point.weights for point in own]),
            )
        )
        extra = {"kind": model.kind, "description": model.description()}
        save_model(model, folder / f"model-{place}", extra=extra)
    save_value(stacked, folder)


def load_points(folder: Path, backbone: nn.Module) -> list[OperatingPoint]:
    """Read what `save_points` wrote.

    Args:
        folder: The folder.
        backbone: The pre-trained network that the models were made from.

    Returns:
        The points in their order, if those of one model stood together.
    """
    points = []
    for place, own in enumerate(load_value(folder, [_ModelPoints])):
        model = _load_cell_model(folder / f"model-{place}", backbone)
        for train, validation, weights in zip(own.train, own.validation, own.weights, strict=True):
            points.append(
                OperatingPoint(
                    recipe=own.recipe,
                    setting=own.setting,
                    train=ConfusionCounts(train, own.group_names),
                    validation=ConfusionCounts(validation, own.group_names),
                    trained_parameters=own.trained_parameters,
                    groups_at_prediction=own.groups_at_prediction,
                    cell_model=model,
                    weights=weights,
                )
            )
    return points


def _load_cell_model(folder: Path, backbone: nn.Module) -> CellModel:
    saved = read_saved_config(folder).extra
    kind = CELL_MODELS[saved["kind"]]
    model = kind.skeleton(copy.deepcopy(backbone), saved["description"])
    load_model(model, folder)
    model.requires_grad_(requires_grad=False)
    return model.eval()
