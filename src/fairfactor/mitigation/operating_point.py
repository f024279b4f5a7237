"""A decision rule on a model, and what it does on the rows it may be chosen by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fairfactor.fairness import Array, ConfusionCounts
from fairfactor.mitigation.cell_model import CellModel
from fairfactor.mitigation.constraint import Constraint
from fairfactor.mitigation.fair_model import FairModel


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """One decision rule on one model, and what it does on the rows it may be chosen by.

    Attributes:
        recipe: Name of the recipe.
        setting: What distinguishes its model, as JSON values.
        train: Confusion counts on the training rows.
        validation: Confusion counts on the validation rows.
        trained_parameters: Number of parameters trained; the rule itself is not counted.
        groups_at_prediction: Whether predicting asks for groups.
        cell_model: The model.
        weights: The rule, (classes × classes × groups).
    """

    recipe: str
    setting: Mapping[str, Any]
    train: ConfusionCounts
    validation: ConfusionCounts
    trained_parameters: int
    groups_at_prediction: bool
    cell_model: CellModel
    weights: Array

    @property
    def is_constant(self) -> bool:
        """Whether it decides the same for everyone, whatever the inputs say."""
        decided = (self.train.cells + self.validation.cells).sum(axis=(0, 1))
        return bool(np.count_nonzero(decided) <= 1)

    def metric(self, name: str, part: Literal["train", "validation"] = "validation") -> float:
        """A metric of one part.

        Args:
            name: A name that constraints use, as "equalized_odds".
            part: Which rows.

        Returns:
            A fraction.
        """
        counts = self.train if part == "train" else self.validation
        return float(Constraint(name, 0.0).value(counts))

    @property
    def decide(self) -> FairModel:
        """The network that decides so, in evaluation mode."""
        rule = FairModel(
            self.cell_model, self.weights, groups_at_prediction=self.groups_at_prediction
        )
        return rule.requires_grad_(requires_grad=False).eval()
