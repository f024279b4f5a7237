"""What operating points decide on rows that they were not chosen by."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from fairfactor.fairness import ConfusionCounts
from fairfactor.mitigation import OperatingPoint
from fairfactor.mitigation.cell_model import CellModel, cell_probabilities
from fairfactor.mitigation.decisions import count_decisions, known_group
from fairfactor.part import Part
from fairfactor.problem import Problem


def count_points(
    problem: Problem, part: Part, points: Iterable[OperatingPoint]
) -> list[ConfusionCounts]:
    """Count the decisions of each point; each model of the cells runs once.

    Args:
        problem: The problem that the points were tuned on.
        part: The rows.
        points: The points.

    Returns:
        Counts in the order of the points.
    """
    counts = []
    cells: dict[CellModel, Tensor] = {}
    for point in points:
        model = point.cell_model
        if model not in cells:
            cells[model] = cell_probabilities(model, part.inputs)
        known = (
            known_group(cells[model], part.groups) if point.groups_at_prediction else cells[model]
        )
        decided = count_decisions(
            known, point.weights[None], part.labels, part.groups, problem.group_names
        )
        counts.append(ConfusionCounts(decided.cells[0], problem.group_names))
    return counts
