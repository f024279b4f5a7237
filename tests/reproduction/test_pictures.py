from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from fairfactor.reproduction.phrases import line_picture
from fairfactor.reproduction.pictures import draw


def lines(*, logarithmic: bool = False, values: tuple[float, ...] = (0.1, 0.2)):
    series = {"a": [(x, values) for x in (1.0, 10.0, 100.0)]}
    return line_picture("T", "x", "y", series, paper=[(1, 0.1)], logarithmic=logarithmic)


def dots(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', text)]


def test_a_logarithmic_axis_has_equal_steps_for_equal_factors() -> None:
    (a, _), (b, _), (c, _) = dots(draw(lines(logarithmic=True)))
    assert b - a == pytest.approx(c - b, abs=0.2)
    (a, _), (b, _), (c, _) = dots(draw(lines()))
    assert c - b > 5 * (b - a)


def test_larger_values_are_higher() -> None:
    picture = line_picture("T", "x", "y", {"a": [(1, (0.1, 0.1)), (2, (0.3, 0.3))]})
    (_, low), (_, high) = dots(draw(picture))
    assert high < low


def test_one_seed_has_no_band() -> None:
    assert 'class="band' not in draw(lines(values=(0.1,)))
    assert 'class="band' in draw(lines())


@pytest.mark.parametrize(
    "picture",
    [
        lines(),
        {
            "kind": "strips",
            "title": "A < B & C",
            "strips": [{"name": "f", "values": [0.0, 2.0]}, {"name": "m", "values": [1.0, 1.0]}],
        },
        {
            "kind": "density",
            "title": "T",
            "panels": [{"name": "p", "groups": [{"name": "f", "grid": [[0.0, 0.0], [0.0, 0.0]]}]}],
        },
        {
            "kind": "intervals",
            "title": "T",
            "panels": [
                {
                    "label": "m",
                    "rows": [
                        {
                            "label": "r",
                            "marks": [
                                {"series": "ours", "mean": 1.0, "low": None, "high": None},
                                {"series": "paper", "mean": None, "low": None, "high": None},
                            ],
                        }
                    ],
                }
            ],
        },
    ],
)
def test_every_kind_is_well_formed(picture) -> None:
    ElementTree.fromstring(draw(picture))


def test_bars_are_as_high_as_their_values() -> None:
    strips = [{"name": "f", "values": [1.0, 2.0]}]
    text = draw({"kind": "strips", "title": "T", "strips": strips})
    first, second = (float(v) for v in re.findall(r"v-([\d.]+)h", text))
    assert second == pytest.approx(2 * first)
