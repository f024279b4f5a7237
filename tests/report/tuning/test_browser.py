"""The explorer in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.report.browser import EXECUTABLE, Browser
from tests.report.example_tuning import example_tuning, example_tuning_config

from fairfactor.report import render_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        EXECUTABLE is None,
        reason="no Chromium: apt-get update && apt-get install -y chromium",
    ),
]
SHOWN = (
    "[...document.querySelectorAll('.view')].filter((v) => v.checkVisibility()).map((v) => v.id)"
)
TEXT = "document.querySelector('[data-text=\"place\"]').textContent"
GAP = "equalized_odds_difference_worst_case"


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    return example_tuning()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, metrics: dict[str, Any]) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(metrics, example_tuning_config()), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390, 360])
def test_fits_the_width_without_complaints(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.problems() == []


def test_extreme_runs_fit_the_width_too(browser: Browser, tmp_path: Path) -> None:
    name = "Unbroken" * 20
    metrics = example_tuning(points=12, groups=[f"{name}{index}" for index in range(14)])
    for point in metrics["points"]:
        point["recipe_label"] = point["setting"] = name
    path = tmp_path / "report.html"
    path.write_text(render_report(metrics, {name: name}), encoding="utf-8")
    browser.open(path, width=360)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_keyboard_moves_along_the_frontier(
    browser: Browser, page: Path, metrics: dict[str, Any]
) -> None:
    browser.open(page, width=1280)
    browser.call("Emulation.setFocusEmulationEnabled", enabled=True)
    assert browser.evaluate(TEXT) == f"Point {metrics['chosen'] + 1} of 60, the chosen one"
    browser.evaluate("document.getElementById('along').focus()")
    browser.press("Home")
    values = [point["validation"][GAP]["value"] for point in metrics["points"]]
    smallest = min(
        (i for i in range(60) if metrics["points"][i]["on_frontier"][GAP]), key=values.__getitem__
    )
    assert browser.evaluate(TEXT) == f"Point {smallest + 1} of 60"
    point = metrics["points"][smallest]
    shown = browser.evaluate("document.querySelector('.metrics tbody').textContent")
    assert f"{point['test'][GAP]['value']:.3f}" in shown
    spoken = "document.getElementById('along').getAttribute('aria-valuetext')"
    assert f"{values[smallest]:.3f} on validation rows" in browser.evaluate(spoken)
    counts = browser.evaluate("document.querySelector('.confusion tbody').textContent")
    assert f"{point['groups'][1]['confusion']['tp']:,}" in counts
    after = browser.evaluate("document.querySelector('.shifts article b').textContent")
    assert after == f"{point['groups'][0]['selection_rate']['value']:.3f}"
    bound = browser.evaluate("document.querySelector('[data-constraint]').textContent")
    assert float(bound.removeprefix("equalized_odds<=")) >= values[smallest]
    active = "[...document.querySelectorAll('.spot.active')].map((s) => Number(s.dataset.point))"
    assert set(browser.evaluate(active)) == {smallest}
    browser.press("ArrowRight")
    assert browser.evaluate(TEXT) != f"Point {smallest + 1} of 60"


def test_gap_and_split_choose_the_picture(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    assert browser.evaluate(SHOWN) == ["view-0-validation"]
    browser.evaluate("document.querySelector('#splits [value=test]').click()")
    assert browser.evaluate(SHOWN) == ["view-0-test"]
    gap = "document.getElementById('gap')"
    browser.evaluate(f"{gap}.value = '1'; {gap}.dispatchEvent(new Event('change'))")
    assert browser.evaluate(SHOWN) == ["view-1-test"]


def test_marks_and_rows_of_the_table_choose_a_point(
    browser: Browser, page: Path, metrics: dict[str, Any]
) -> None:
    browser.open(page, width=1280)
    mark = "document.querySelector('#view-0-validation [data-point=\"59\"] .mark')"
    browser.evaluate(
        f"{{ const box = {mark}.getBoundingClientRect(); {mark}.dispatchEvent(new MouseEvent("
        "'click', { bubbles: true, clientX: box.x + box.width / 2,"
        " clientY: box.y + box.height / 2 })); }"
    )
    assert browser.evaluate(TEXT) == "Point 60 of 60"
    back = f'.detail [data-select="{metrics["chosen"]}"]'
    browser.evaluate(f"document.querySelector('{back}').click()")
    assert browser.evaluate(TEXT).endswith("the chosen one")
    browser.evaluate("document.querySelector('.points [data-select=\"7\"]').click()")
    assert browser.evaluate(TEXT) == "Point 8 of 60"


def test_off_the_frontier_there_is_no_command(
    browser: Browser, page: Path, metrics: dict[str, Any]
) -> None:
    off = next(i for i in range(60) if not metrics["points"][i]["on_frontier"][GAP])
    browser.open(page, width=1280)
    browser.evaluate(f"document.querySelector('.points [data-select=\"{off}\"]').click()")
    assert browser.evaluate("document.querySelector('[data-when=constraint]').hidden")
    assert not browser.evaluate("document.querySelector('[data-when=none]').hidden")


@pytest.mark.parametrize("points", [0, 1, 2])
def test_few_points_work(browser: Browser, tmp_path: Path, points: int) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_report(example_tuning(points=points), {}), encoding="utf-8")
    browser.open(path, width=1280)
    assert browser.problems() == []


def test_without_script_the_chosen_point_stays(
    browser: Browser, page: Path, metrics: dict[str, Any]
) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page, width=1280)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.evaluate(SHOWN) == ["view-0-validation", "view-0-test"]
    assert browser.evaluate(TEXT) == f"Point {metrics['chosen'] + 1} of 60, the chosen one"
    hidden = (
        "[...document.querySelectorAll('button, select, input')].some((e) => e.checkVisibility())"
    )
    assert not browser.evaluate(hidden)
    assert browser.evaluate("document.querySelectorAll('.points tbody tr').length") > 60
