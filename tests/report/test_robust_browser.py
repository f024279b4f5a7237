"""Pages of runs that nobody hoped for, in a real browser."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from tests.report.browser import EXECUTABLE, Browser
from tests.report.example import example_config, example_metrics
from tests.report.example import with_single_features as crossed_methods
from tests.report.example_parts import columns, leakage
from tests.report.example_tuning import example_tuning, example_tuning_config
from tests.report.example_tuning import with_single_features as crossed_tuning

from fairfactor.report import render_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        EXECUTABLE is None,
        reason="no Chromium: apt-get update && apt-get install -y chromium",
    ),
]
LARGEST = 3_000_000
NAMES = (
    "<img src=x onerror=alert(1)>",
    "</script></style></title><script>alert(2)</script>",
    "\"quoted\" and 'quoted'",
    "{{ 7 * 7 }}&lt;b&gt;&amp;",
    "Unbroken" * 40,
    "مجموعة 12 من الناس",
    "קבוצה × 3",
    "\u202etfel-ot-thgir",
    "👩🏽‍🚀🏳️‍🌈👨‍👩‍👧‍👦",
    "two\nlines\tand\ttabs",
    " ",
)
VISIBLE = """[...document.querySelectorAll(
    'a[href], button, select, input, summary, [tabindex="0"]'
)].filter((e) => e.checkVisibility({visibilityProperty: true}) && e.tabIndex >= 0)"""
OVERFLOWING = """[...document.querySelectorAll('main *')].filter((e) =>
    e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, pre, svg, .tip')
    && e.checkVisibility()
).map((e) => e.tagName + '.' + e.className).slice(0, 5)"""


def hostile(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Names of groups, columns, features and the target that attack the page."""
    if kind == "tuning":
        metrics = crossed_tuning(example_tuning(points=9, groups=NAMES))
    else:
        metrics = crossed_methods(example_metrics(seeds=2, groups=NAMES, methods=4))
    metrics["data"] |= {
        "name": NAMES[0],
        "target": NAMES[1],
        "positive_class": NAMES[5],
        "sensitive_features": list(NAMES[:3]),
        "features": list(NAMES),
        "columns": columns(NAMES),
        "leakage": leakage(NAMES),
    }
    owners = [metrics] if kind == "tuning" else metrics["methods"]
    for owner in owners:
        for name, feature in zip(NAMES[4:6], owner["single_features"], strict=True):
            feature["feature"] = name
    return metrics, {name: name for name in NAMES}


def many_groups(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [f"Group {index} × with a name that goes on" for index in range(40)]
    wide = [f"column_{index}" for index in range(300)]
    if kind == "tuning":
        metrics, config = example_tuning(points=100, groups=names), example_tuning_config()
    else:
        metrics, config = example_metrics(groups=names, methods=12), example_config()
    metrics["data"] |= {"columns": columns(wide), "leakage": leakage(wide), "features": wide}
    return metrics, config


def bare(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """One seed, or no constraints, and groups that are too small for any bin."""
    if kind == "tuning":
        metrics, config = example_tuning(points=4, constraints=()), example_tuning_config()
        config["constraint"] = []
    else:
        metrics, config = example_metrics(seeds=1), example_config()
    for model in ("before", "after"):
        for group in metrics["calibration"][model]:
            group |= {"bins": [], "error": None, "suppressed": group["count"]}
    return metrics, config


RUNS = {"hostile": hostile, "many-groups": many_groups, "bare": bare}
KINDS = ("tuning", "methods")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    folder = tmp_path_factory.mktemp("robust")
    found = {}
    for run, make in RUNS.items():
        for kind in KINDS:
            found[run, kind] = folder / f"{run}-{kind}.html"
            found[run, kind].write_text(render_report(*make(kind)), encoding="utf-8")
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("run", RUNS)
def test_it_fits_every_width_in_both_schemes_and_nothing_runs(
    browser: Browser, pages: dict[tuple[str, str], Path], run: str, kind: str
) -> None:
    page = pages[run, kind]
    assert page.stat().st_size < LARGEST
    for width, dark in ((360, True), (390, False), (1280, True)):
        browser.open(page, width=width, dark=dark)
        browser.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate(OVERFLOWING) == []
        assert browser.problems() == []
        assert not [m for m in browser.messages if "Dialog" in m.get("method", "")]
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_shown_as_they_are(
    browser: Browser, pages: dict[tuple[str, str], Path], kind: str
) -> None:
    browser.open(pages["hostile", kind], width=1280)
    for part in (".columns-of-table", "#calibration", "#rates", "#data > .scroll"):
        shown = browser.evaluate(f"document.querySelector('{part}').textContent")
        assert [name for name in NAMES if name not in shown] == []
    assert browser.evaluate("document.querySelectorAll('script').length") <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_tab_key_reaches_all_that_can_be_used_and_shows_where_it_is(
    browser: Browser, pages: dict[tuple[str, str], Path], kind: str
) -> None:
    browser.open(pages["bare", kind], width=390)
    browser.call("Emulation.setFocusEmulationEnabled", enabled=True)
    expected = browser.evaluate(f"{VISIBLE}.length")
    browser.evaluate(f"{VISIBLE}.forEach((e, index) => {{ e.dataset.stop = index; }})")
    stops = []
    for _ in range(expected + 5):
        browser.press("Tab")
        stop = browser.evaluate("document.activeElement.dataset.stop")
        if stop is None:
            break
        stops.append(int(stop))
        assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert stops == list(range(expected))
    browser.evaluate("document.querySelector('#calibration details summary, summary').focus()")
    opened = "document.activeElement.parentElement.open"
    before = browser.evaluate(opened)
    browser.press("Enter")
    assert browser.evaluate(opened) != before


@pytest.mark.parametrize("kind", KINDS)
def test_it_prints_in_light_without_controls(
    browser: Browser, pages: dict[tuple[str, str], Path], kind: str
) -> None:
    browser.open(pages["bare", kind], width=1280, dark=True)
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert not browser.evaluate(
        "[...document.querySelectorAll('button, nav')].some((e) => e.checkVisibility())"
    )
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert min(int(part) for part in paper[4:-1].split(",")) > 240
    printed = browser.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    browser.call("Emulation.setEmulatedMedia", media="")
