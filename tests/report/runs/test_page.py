from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from tests.report.browser import EXECUTABLE, Browser
from tests.report.markup import HOSTILE, Page, with_every_text
from tests.report.runs.examples import sources, variant
from tests.studies.adult import AdultRun

from fairfactor.report.runs.page import render_runs
from fairfactor.report.runs.read import RunSource
from fairfactor.run_folder import RunFolder


@pytest.fixture(scope="module")
def page(tuning_folder: RunFolder) -> str:
    other = variant(tuning_folder, config={"seed": 7}, point={"groups_at_prediction": True})
    return render_runs([*sources(tuning_folder, "one"), other])


def test_numbers_of_every_run_are_on_the_page(page: str, tuning_folder: RunFolder) -> None:
    text = Page(page).text
    point = tuning_folder.metrics["points"][tuning_folder.metrics["chosen"]]
    for key in ("accuracy", "demographic_parity_difference"):
        estimate = point["test"][key]
        interval = f"{estimate['value']:.3f} 95 % interval {estimate['low']:.3f} to"
        assert text.count(interval) >= 2
    for group in point["groups"]:
        rate = group["selection_rate"]
        assert text.count(f"{rate['low']:.3f} to {rate['high']:.3f}") >= 2
    assert text.count(tuning_folder.metrics["verdict"]["headline"]) == 2
    assert text.count("undecided") >= 2
    assert "seed 0 7" in text


def test_warnings_are_on_the_page(page: str, tuning_folder: RunFolder) -> None:
    text = Page(page).text
    assert "different test rows" in text
    assert "other asks for the group" in text
    same = Page(render_runs(sources(tuning_folder, "one", "two"))).text
    assert "All runs have the same test rows" in same
    assert "Warning" not in same
    assert "Nothing: they have the same command" in same


def test_groups_that_a_run_lacks_have_dashes(tuning_folder: RunFolder) -> None:
    other = variant(tuning_folder)
    metrics = copy.deepcopy(dict(other.metrics))
    metrics["kept"]["groups"][0] = "x"
    text = Page(render_runs([*sources(tuning_folder, "one"), RunSource("o", metrics, {})])).text
    assert "compare different groups" in text
    assert text.count("o — — — —") == 1


def test_runs_of_methods_stand_side_by_side_too(adult_run: AdultRun) -> None:
    text = Page(render_runs(sources(adult_run.folder, "one", "two"))).text
    assert "Head tuning (TL), first seed" in text
    assert "Constraints" not in text


def test_the_page_loads_nothing_and_runs_only_its_own_script(page: str) -> None:
    read = Page(page)
    policy = next(meta for meta in read.all("meta") if "http-equiv" in meta)["content"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not any(set(attributes) & {"src", "style", "onclick"} for _, attributes in read.elements)
    assert not re.search(r"https?://", page)
    identifiers = [a["id"] for _, a in read.elements if "id" in a]
    assert len(identifiers) == len(set(identifiers))
    for link in read.all("a"):
        assert link["href"] is not None
        assert link["href"][1:] in identifiers
    assert len(page.encode()) < 3_000_000


def test_hostile_texts_stay_texts(tuning_folder: RunFolder) -> None:
    metrics = with_every_text(tuning_folder.metrics, HOSTILE)
    metrics["constraints"] = copy.deepcopy(tuning_folder.metrics["constraints"])
    made = [RunSource(f"{HOSTILE}{n}", metrics, {HOSTILE: n}) for n in range(2)]
    html = render_runs(made)
    read = Page(html)
    assert "onerror=alert(1)>" in read.text
    assert not read.all("img")
    assert len(read.all("script")) == 1


@pytest.mark.browser
@pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium: apt-get install -y chromium")
class TestBrowser:
    @pytest.mark.parametrize("dark", [False, True])
    @pytest.mark.parametrize("width", [1280, 360])
    def test_fits_the_width_without_complaints(
        self, browser: Browser, page: str, tmp_path: Path, width: int, dark: bool
    ) -> None:
        path = tmp_path / "page.html"
        path.write_text(page, encoding="utf-8")
        browser.open(path, width=width, dark=dark)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.problems() == []
        shown = "document.querySelectorAll('.panel:not([hidden])').length"
        assert browser.evaluate(shown) == 3
        browser.evaluate("document.querySelector('#metric-choices button').click()")
        assert browser.evaluate(shown) == 2

    def test_twelve_runs_with_long_names_fit(
        self, browser: Browser, tuning_folder: RunFolder, tmp_path: Path
    ) -> None:
        path = tmp_path / "page.html"
        names = [f"{'Unbroken' * 20}{n}" for n in range(12)]
        path.write_text(render_runs(sources(tuning_folder, *names)), encoding="utf-8")
        browser.open(path, width=360)
        assert browser.evaluate("document.documentElement.scrollWidth") <= 360
