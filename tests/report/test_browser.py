"""The page in a real browser: what only a layout engine can tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.report.browser import EXECUTABLE, Browser
from tests.report.example import example_config, example_metrics

from fairfactor.report import render_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        EXECUTABLE is None,
        reason="no Chromium: apt-get update && apt-get install -y chromium",
    ),
]
SHOWN = "[...document.querySelectorAll('.panel')].filter((p) => p.checkVisibility()).length"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(example_metrics(), example_config()), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_fits_the_width_and_follows_the_colour_scheme(
    browser: Browser, page: Path, tmp_path: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    image = browser.screenshot(tmp_path / "page.png")
    assert image.startswith(b"\x89PNG")
    assert len(image) > 30_000
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    channels = browser.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (max(channels[:3]) < 60) is dark
    assert browser.problems() == []


@pytest.mark.parametrize("width", [360, 1280])
def test_extreme_runs_fit_the_width_too(browser: Browser, tmp_path: Path, width: int) -> None:
    name = "Unbroken" * 20
    metrics = example_metrics(methods=12, groups=[f"{name}{i}" for i in range(8)], inputs=512)
    for method in metrics["methods"]:
        method["label"] = name
    metrics["data"] |= {"name": name, "target": name, "features": [name], "citation": name}
    metrics["verdict"]["headline"] = name
    path = tmp_path / "report.html"
    path.write_text(render_report(metrics, example_config()), encoding="utf-8")
    browser.open(path, width=width)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_metric_buttons_show_and_hide_panels(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    assert browser.evaluate(SHOWN) == 3
    button = "document.querySelectorAll('#metric-choices button')[4]"
    browser.evaluate(f"{button}.click()")
    assert browser.evaluate(SHOWN) == 4
    assert browser.evaluate(f"{button}.getAttribute('aria-pressed')") == "true"
    browser.evaluate(f"{button}.click()")
    assert browser.evaluate(SHOWN) == 3


def test_scale_theme_and_method_controls(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    browser.evaluate("document.querySelectorAll('#scale-choices button')[1].click()")
    assert browser.evaluate("document.getElementById('scale-own').hidden")
    assert not browser.evaluate("document.getElementById('scale-common').hidden")
    select = "document.getElementById('rates-method')"
    browser.evaluate(f"{select}.value = 'rates-3'; {select}.dispatchEvent(new Event('change'))")
    shown = "[...document.querySelectorAll('.rates')].filter((d) => !d.hidden).map((d) => d.id)"
    assert browser.evaluate(shown) == ["rates-3"]
    for expected in ("light", "dark", None):
        browser.evaluate("document.getElementById('theme').click()")
        assert browser.evaluate("document.documentElement.dataset.theme") == expected


def test_keyboard_reaches_the_numbers(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    browser.call("Emulation.setFocusEmulationEnabled", enabled=True)
    browser.evaluate("[...document.querySelectorAll('#metric-choices button')].at(-1).focus()")
    browser.press("Tab")
    browser.press("ArrowDown")
    focused = "document.activeElement.querySelector('.tip')"
    assert "Head tuning (TL)" in browser.evaluate(f"{focused}.textContent")
    assert browser.evaluate(f"getComputedStyle({focused}).visibility") == "visible"
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("Escape")
    assert browser.evaluate("document.activeElement.tagName") == "BODY"


def test_without_script_nothing_is_lost(browser: Browser, page: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page, width=1280)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.evaluate(SHOWN) == 3
    assert browser.evaluate("document.querySelectorAll('details.rates').length") == 8
    hidden = "[...document.querySelectorAll('button, select')].some((e) => e.checkVisibility())"
    assert not browser.evaluate(hidden)
    assert browser.evaluate(
        "[...document.querySelectorAll('.scale-view')].every((e) => e.checkVisibility())"
    )
