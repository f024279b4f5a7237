"""What a recipe is: a way from a pre-trained network to models of class and group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from fairfactor.mitigation.cell_model import CellModel


class TuningRows(Protocol):
    """Rows of one part of the split, as `fairfactor.part.Part`."""

    @property
    def inputs(self) -> Tensor:
        """Inputs of the network, rows first."""

    @property
    def labels(self) -> Tensor:
        """Class codes, (rows,)."""

    @property
    def groups(self) -> Tensor:
        """Group codes, (rows,); -1 excludes a row."""


class TuningProblem(Protocol):
    """What tuning is given, as `fairfactor.problem.Problem`; test rows are never looked at."""

    @property
    def train(self) -> TuningRows:
        """Rows to fit on."""

    @property
    def validation(self) -> TuningRows:
        """Rows to choose on."""

    @property
    def backbone(self) -> nn.Module:
        """The pre-trained network, from inputs to logits, in evaluation mode; never changed."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class."""

    @property
    def group_names(self) -> tuple[str, ...]:
        """Name of each group."""


@dataclass(frozen=True, eq=False)
class FittedCells:
    """A model of the cells, ready for decision rules.

    Attributes:
        model: From inputs to p(y, s | x), or to p(y | x) if it has no view on groups.
        setting: What distinguishes it from others of the same recipe, as JSON values.
        trained_parameters: Number of parameters that were trained.
    """

    model: CellModel
    setting: Mapping[str, Any]
    trained_parameters: int


Fit = Callable[[TuningProblem, int], Iterator[FittedCells]]
"""From a problem and a seed to the models, in the order in which they are ready."""


@dataclass(frozen=True)
class Recipe:
    """A way from a pre-trained network to models of the cells.

    Attributes:
        name: The name used on the command line and in files.
        label: The name that a reader sees.
        fit: Makes the models.
        needs_hidden_layer: Whether a network of one linear layer has nothing to offer to it that
            another recipe does not use.
        needs_linear_network: Whether it is for a network of one linear layer on frozen features;
            for others there are better recipes.
    """

    name: str
    label: str
    fit: Fit
    needs_hidden_layer: bool = False
    needs_linear_network: bool = False
