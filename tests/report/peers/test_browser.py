"""The comparison with peers in a real browser."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from tests.report.browser import EXECUTABLE, Browser
from tests.report.example_peers import example_peers, example_peers_config

from fairfactor.report import render_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        EXECUTABLE is None,
        reason="no Chromium: apt-get update && apt-get install -y chromium",
    ),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(example_peers(), example_peers_config()), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390, 360])
def test_fits_the_width_without_complaints(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.problems() == []


@pytest.mark.parametrize("width", [1280, 360])
def test_no_number_covers_another(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    for picture, numbers in (("picture-1", 5), ("picture-2", 8)):
        boxes = browser.evaluate(
            f"[...document.querySelectorAll('#{picture} .callout .number')]"
            ".map((n) => n.getBoundingClientRect()).map((b) => [b.x, b.y, b.right, b.bottom])"
        )
        assert len(boxes) == numbers
        for one, other in combinations(boxes, 2):
            across = min(one[2], other[2]) - max(one[0], other[0])
            down = min(one[3], other[3]) - max(one[1], other[1])
            assert across <= 1 or down <= 3  # a line of text is a little higher than its digits


def test_extreme_runs_fit_the_width_too(browser: Browser, tmp_path: Path) -> None:
    name = "Unbroken" * 20
    metrics = example_peers(groups=[name] * 8)
    for row in metrics["rows"]:
        row |= {"label": name, "package": name, "setting": name, "target": name}
        row["missing"] = name if row["missing"] else None
    path = tmp_path / "report.html"
    path.write_text(render_report(metrics, {name: name}), encoding="utf-8")
    browser.open(path, width=360)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 360
