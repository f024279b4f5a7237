"""A network that decides by a fair Bayes rule: inputs in, one score a class out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.mitigation.cell_model import (
    CellModel,
    ClassNetwork,
    ClassShares,
    ComposedCells,
    FrozenCells,
)
from fairfactor.mitigation.decisions import known_group, relative_weights
from fairfactor.mitigation.head_cells import HeadCells
from fairfactor.mitigation.low_rank_cells import LowRankCells
from fairfactor.mitigation.rates import Array
from fairfactor.surgery import load_model, read_saved_config, save_model

CELL_MODELS: dict[str, type[CellModel]] = {
    model.kind: model
    for model in (
        ClassNetwork,
        ClassShares,
        FrozenCells,
        HeadCells,
        LowRankCells,
        ComposedCells,
    )
}
"""Cell models by their name in saved files."""


class FairModel(nn.Module):
    """Decides argmax_c Σ_ys w[c, y, s] p(y, s | x); no groups are asked for unless it says so.

    Args:
        cell_model: From inputs to p(y, s | x), (rows × classes × groups).
        weights: w, (classes × classes × groups).
        groups_at_prediction: Whether the group of each row is an input too.
    """

    weights: Tensor

    def __init__(
        self, cell_model: CellModel, weights: Array, *, groups_at_prediction: bool = False
    ) -> None:
        super().__init__()
        self.cell_model = cell_model
        self.groups_at_prediction = groups_at_prediction
        scores = torch.from_numpy(relative_weights(weights)).to(torch.float32)
        self.register_buffer("weights", scores)

    def forward(self, inputs: Tensor, groups: Tensor | None = None) -> Tensor:
        """Scores whose largest is the decision; that of class 0 is always 0.

        Args:
            inputs: Inputs of the network, rows first.
            groups: Group codes, (rows,), exactly for a model with ``groups_at_prediction``.

        Returns:
            (rows × classes).

        Raises:
            ArgumentError: If groups are missing, or given in vain.
        """
        if self.groups_at_prediction != (groups is not None):
            accepted = "group codes" if self.groups_at_prediction else "None"
            raise ArgumentError("groups", groups, f"{accepted} for this model")
        cells = self.cell_model(inputs)
        if groups is not None:
            cells = known_group(cells, groups)
        return cast("Tensor", cells.flatten(1) @ self.weights.flatten(1).T)

    def description(self) -> dict[str, Any]:
        """What `skeleton` needs beside the backbone.

        Returns:
            JSON values.
        """
        return {
            "cell_model": self.cell_model.kind,
            "cells": self.cell_model.description(),
            "groups_at_prediction": self.groups_at_prediction,
        }

    @classmethod
    def skeleton(cls, backbone: nn.Module, description: Mapping[str, Any]) -> Self:
        """Build a model of the same form, with values still to be loaded.

        Args:
            backbone: The backbone as it was before mitigation, with any weights.
            description: What `description` returned.

        Returns:
            The model.

        Raises:
            SavedModelError: If the description does not fit the backbone.
        """
        try:
            kind = CELL_MODELS[description["cell_model"]]
            cell_model = kind.skeleton(backbone, description["cells"])
            groups_at_prediction = bool(description["groups_at_prediction"])
        except (ArgumentError, AttributeError, KeyError, TypeError) as error:
            raise SavedModelError(
                f"The saved description {dict(description)} of a fair model does not fit the "
                f"backbone ({error})."
            ) from error
        shape = (cell_model.n_classes, cell_model.n_classes, cell_model.n_groups)
        return cls(cell_model, np.zeros(shape), groups_at_prediction=groups_at_prediction)


def save_fair_model(
    model: FairModel, folder: str | Path, *, origin: Mapping[str, Any] | None = None
) -> None:
    """Save as `fairfactor.surgery.save_model` does, with what `load_fair_model` needs.

    Args:
        model: The model.
        folder: A new or empty folder, or one that was written so, which is replaced.
        origin: JSON values that say how it came about.
    """
    save_model(model, folder, extra={"fair": model.description(), "origin": dict(origin or {})})


def load_fair_model(folder: str | Path, build_backbone: Callable[[], nn.Module]) -> FairModel:
    """Build the model again and load every tensor; the same inputs give the same bits.

    Args:
        folder: What `save_fair_model` wrote.
        build_backbone: Builds the backbone as it was before mitigation, with any weights.

    Returns:
        The model, in evaluation mode.

    Raises:
        SavedModelError: If a file is missing, damaged or altered, or does not fit the backbone.
    """
    saved = read_saved_config(folder).extra
    if not isinstance(saved.get("fair"), Mapping):
        raise SavedModelError(
            f"{folder} does not hold a fair model: expected the key 'fair'. Use load_model."
        )
    model = FairModel.skeleton(build_backbone(), saved["fair"])
    load_model(model, folder)
    return model.requires_grad_(requires_grad=False).eval()
