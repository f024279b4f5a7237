"""What a peer is: a published method of bias mitigation, behind one function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fairfactor.problem import Problem, count_classes

Target = Literal["demographic_parity", "equalized_odds", "none"]
Setting = Mapping[str, Any]

NO_KNOB: tuple[Setting, ...] = ({},)
"""The settings of a peer that has no strength to choose."""

INSTALL_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "aif360": "pip install aif360==0.6.1 matplotlib",
        "fairgrad": "pip install fairgrad==0.2.0",
        "fairlearn": "pip install 'fairlearn>=0.15'",
        "fairret": "pip install fairret==0.1.3",
        "oxonfair": "pip install oxonfair==0.3",
    }
)
"""How to install each package that a peer may need."""


@dataclass(frozen=True, eq=False)
class PeerResult:
    """What a peer predicts.

    Attributes:
        validation: Class codes of the validation rows, int64, shape (n_validation,).
        test: Class codes of the test rows, int64, shape (n_test,).
        trained_parameters: How many parameters were trained for mitigation; ``None`` where that
            number means nothing, as for trees and thresholds.
    """

    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    trained_parameters: int | None


Fit = Callable[[Problem, Setting], PeerResult]
Support = Callable[[Problem], str | None]


def any_problem(_problem: Problem) -> str | None:
    """Accept every problem."""
    return None


def two_classes(problem: Problem) -> str | None:
    """Accept two classes and any number of groups.

    Args:
        problem: The problem.

    Returns:
        Why the problem is not supported, or ``None``.
    """
    count = len(problem.class_names)
    return None if count == 2 else f"two classes only, not {count}"


def two_classes_two_groups(problem: Problem) -> str | None:
    """Accept two classes and two groups.

    Args:
        problem: The problem.

    Returns:
        Why the problem is not supported, or ``None``.
    """
    count = len(problem.group_names)
    return two_classes(problem) or (None if count == 2 else f"two groups only, not {count}")


@dataclass(frozen=True)
class Peer:
    """A method to compare with.

    A peer fits one setting; the study chooses among ``settings`` on the validation rows. Every peer
    with a strength to choose has five, so that all are tuned with the same budget.

    Attributes:
        key: Short name, as in ``"fairgrad-eo"``.
        label: Name for a table.
        target: The gap that it reduces.
        fit: From a problem and one setting to predictions. It depends on nothing else, and leaves
            the problem and all global generators as they were.
        package: Distribution that it needs, imported by ``fit`` only; ``None`` if it needs none.
        settings: Arguments to try, from the weakest mitigation to the strongest.
        groups_at_prediction: Whether it must know the group of a row to predict its class.
        same_backbone: Whether the result is the problem's network, or one of the same architecture
            trained by the same protocol, up to its last layer; ``False`` for other models.
        reads_tree_scores: Whether it reads the scores of trees that the backbone reads, if there
            are any; ``False`` for a method that has trees of its own.
        supports: Says why it cannot treat a problem, or ``None``.
    """

    key: str
    label: str
    target: Target
    fit: Fit
    package: str | None = None
    settings: tuple[Setting, ...] = NO_KNOB
    groups_at_prediction: bool = False
    same_backbone: bool = True
    reads_tree_scores: bool = True
    supports: Support = any_problem

    @property
    def install_command(self) -> str | None:
        """The command that installs what is missing; ``None`` if the peer can run."""
        if self.package is None or find_spec(self.package) is not None:
            return None
        return INSTALL_COMMANDS[self.package]

    def gap(self, problem: Problem) -> str | None:
        """Say why this peer has no result for a problem.

        Args:
            problem: The problem.

        Returns:
            "not installed: pip install …" or what is not supported; ``None`` if it can run.
        """
        if self.install_command:
            return f"not installed: {self.install_command}"
        reason = self.supports(problem)
        if reason is None and self.target != "none":
            reason = _empty_cell(problem)
        return f"not supported: {reason}" if reason else None


def _empty_cell(problem: Problem) -> str | None:
    """Name a group without training or validation rows of some class: its gap is undefined."""
    for name in ("train", "validation"):
        part = getattr(problem, name).grouped
        counts = count_classes(problem, part, part.labels.numpy())
        for group, label in np.argwhere(counts.actual == 0):
            return (
                f"group {problem.group_names[group]!r} has no {name} rows "
                f"of class {problem.class_names[label]!r}"
            )
    return None


def strengths(name: str, *values: float) -> tuple[Setting, ...]:
    """The settings of a peer with one number to choose.

    Args:
        name: Name of the number.
        *values: Its values, from the weakest mitigation to the strongest.

    Returns:
        One setting a value.
    """
    return tuple({name: value} for value in values)
