from __future__ import annotations

import pytest

from fairfactor.report.wording import counted, fixed, listed, significant, whole


@pytest.mark.parametrize(
    ("value", "digits", "signed", "expected"),
    [
        (None, 2, False, "—"),
        (1234.567, 2, False, "1,234.57"),
        (-0.5, 1, False, "−0.5"),
        (-0.0004, 3, True, "0.000"),
        (0.25, 2, True, "+0.25"),
    ],
)
def test_fixed(value: float | None, digits: int, signed: bool, expected: str) -> None:
    assert fixed(value, digits, signed=signed) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "—"),
        (0.0, "0"),
        (0.00141, "0.0014"),
        (2.8, "2.8"),
        (86.4, "86"),
        (1.41e-7, "1.4 × 10⁻⁷"),
        (-3.2e12, "−3.2 × 10¹²"),
    ],
)
def test_significant(value: float | None, expected: str) -> None:
    assert significant(value) == expected


def test_counts() -> None:
    assert whole(None) == "—"
    assert whole(8052) == "8,052"
    assert whole(4573.4) == "4,573.4"
    assert counted(1, "seed") == "1 seed"
    assert counted(2, "class", "classes") == "2 classes"


def test_lists() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcde"), limit=3) == "a, b and 3 more"
    assert listed(list("abcd"), limit=3) == "a, b, c and d"
