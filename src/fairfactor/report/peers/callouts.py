"""Where to put the numbers of marks so that they cover neither marks nor each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

Place = tuple[float, float]

DIGIT = 7.0  # px, the width of a digit
HEIGHT = 12.0  # px, of a number
MARK = 7.0  # px, half the width of a mark
RADII = (14.0, 24.0, 36.0, 50.0)  # px from the mark to the middle of its number
DIRECTIONS = (45, 0, 315, 90, 270, 135, 225, 180)  # degrees, the best first


def callout_offsets(
    marks: Sequence[Place], texts: Sequence[str], *, corner: Place = (math.inf, math.inf)
) -> tuple[Place, ...]:
    """Place the text of each mark near it, one after the other.

    Args:
        marks: (x, y) of each mark in px.
        texts: The text of each mark; texts are short.
        corner: Right end and foot of the picture, which no text goes beyond.

    Returns:
        From each mark to the middle of its text, in px: the first of a fixed list of offsets that
        covers nothing, or the one that covers least.
    """
    marked = [(x, y, MARK, MARK) for x, y in marks]
    taken: list[tuple[float, float, float, float]] = []
    offsets = []
    for (x, y), text in zip(marks, texts, strict=True):
        size = (DIGIT * len(text) / 2 + 1, HEIGHT / 2)
        costs = [
            (
                x + dx + size[0] > corner[0] or y + dy + size[1] > corner[1],
                sum(_overlap((x + dx, y + dy, *size), box) for box in [*marked, *taken]),
                rank,
            )
            for rank, (dx, dy) in enumerate(_candidates())
        ]
        dx, dy = list(_candidates())[min(costs)[2]]
        taken.append((x + dx, y + dy, *size))
        offsets.append((dx, dy))
    return tuple(offsets)


def _candidates() -> Iterator[Place]:
    for radius in RADII:
        for degrees in DIRECTIONS:
            angle = math.radians(degrees)
            yield round(radius * math.cos(angle), 1), round(-radius * math.sin(angle), 1)


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> float:
    """Area that two boxes share, each given by its middle and half its width and height."""
    across = one[2] + other[2] - abs(one[0] - other[0])
    down = one[3] + other[3] - abs(one[1] - other[1])
    return max(0.0, across) * max(0.0, down)
