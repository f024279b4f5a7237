from __future__ import annotations

import random
from itertools import combinations

import pytest

from fairfactor.report.peers.callouts import HEIGHT, MARK, callout_offsets


@pytest.mark.parametrize("seed", range(5))
def test_numbers_cover_neither_marks_nor_each_other(seed: int) -> None:
    source = random.Random(seed)
    marks = [(source.gauss(150, 30), source.gauss(180, 30)) for _ in range(14)]
    texts = [str(index + 1) for index in range(14)]
    offsets = callout_offsets(marks, texts)
    places = [(x + dx, y + dy) for (x, y), (dx, dy) in zip(marks, offsets, strict=True)]
    for (x, y), (u, v) in combinations(places, 2):
        assert abs(x - u) >= 7 or abs(y - v) >= HEIGHT
    for x, y in places:
        assert all(abs(x - u) >= MARK or abs(y - v) >= MARK for u, v in marks)


def test_equal_marks_get_different_places() -> None:
    offsets = callout_offsets([(100.0, 100.0)] * 8, ["1"] * 8)
    assert len(set(offsets)) == 8


def test_numbers_stay_within_the_picture() -> None:
    marks = [(100.0 + 9 * index, 200.0) for index in range(8)]
    corner = (marks[-1][0], 200.0)
    for (x, _), (dx, dy) in zip(
        marks, callout_offsets(marks, ["12"] * 8, corner=corner), strict=True
    ):
        assert x + dx <= corner[0] - 7
        assert dy <= -HEIGHT / 2


def test_no_marks() -> None:
    assert callout_offsets([], []) == ()
