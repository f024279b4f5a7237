"""What a study asks of a data set: the rows of a seed, and a pre-trained network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from fairfactor.config import RunConfig
from fairfactor.finetuning import FinetuneConfig
from fairfactor.part import Part
from fairfactor.pipeline import Rows
from fairfactor.problem import PretrainedProblem

PAPER = RunConfig()
"""The experiment of ``fairfactor run``, whose budgets every study has."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows of a data set, for one seed.

    Attributes:
        rows: Those of the parts ``pretraining``, ``train``, ``validation`` and ``test``.
        group_names: Name of each group code.
        class_names: Name of each class.
        finetuning: How every method is fine-tuned.
        pretraining: How a network is pre-trained.
    """

    rows: Mapping[str, Rows]
    group_names: tuple[str, ...]
    class_names: tuple[str, ...]
    finetuning: FinetuneConfig
    pretraining: FinetuneConfig


def tuning_problem(problem: Problem, backbone: nn.Module) -> PretrainedProblem:
    """A network and the rows to tune it on, as `fairfactor.mitigation.tune` wants them.

    Args:
        problem: The rows.
        backbone: The pre-trained network.

    Returns:
        Both; test rows are not in it.
    """
    train, validation = (
        Part(rows.inputs, rows.targets, rows.groups)
        for rows in (problem.rows["train"], problem.rows["validation"])
    )
    return PretrainedProblem(train, validation, backbone, problem.class_names, problem.group_names)


class DataSet(Protocol):
    """What a study asks of a data set."""

    @property
    def label(self) -> str:
        """The name that a reader sees."""

    def missing(self) -> str:
        """Why it cannot be used here, with the remedy; empty if it can."""

    def problem(self, seed: int) -> Problem:
        """The rows of one seed."""

    def pretrained(self, architecture: str, seed: int) -> nn.Module:
        """A network from inputs to logits, in evaluation mode, pre-trained without mitigation."""
