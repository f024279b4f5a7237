"""How much of what could be reached a set of points dominates."""

from __future__ import annotations

from collections.abc import Iterable


def dominated_area(
    points: Iterable[tuple[float, float]], worst_gap: float, worst_accuracy: float
) -> float:
    """Hypervolume: the share of the rectangle before a reference point that points dominate.

    Args:
        points: Gap and accuracy of each point; one with an undefined gap dominates nothing.
        worst_gap: Gap of the reference point.
        worst_accuracy: Accuracy of the reference point.

    Returns:
        0 to 1; 1 is full accuracy without a gap.
    """
    area, best = 0.0, worst_accuracy
    for gap, accuracy in sorted(point for point in points if point[0] < worst_gap):
        area += (worst_gap - gap) * max(0.0, accuracy - best)
        best = max(best, accuracy)
    return area / (worst_gap * (1 - worst_accuracy))
