from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.reproduction.small_study import STUDY

from fairfactor.errors import SavedModelError
from fairfactor.reproduction import page as pages
from fairfactor.reproduction.page import render_page, render_pictures, write_page
from fairfactor.reproduction.results import load_results, save_results
from fairfactor.reproduction.runner import collect, run_cells
from fairfactor.reproduction.verdict import TOLERANCE

ROOT = Path(__file__).parents[2]
SAVED = ROOT / "benchmarks" / "results" / "reproduction"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pages, "STUDIES", {"small": STUDY})
    run_cells([STUDY], range(3), tmp_path / "cells", workers=1)
    save_results(tmp_path, collect(STUDY, range(3), tmp_path / "cells"))
    return tmp_path


def test_the_page_of_the_documentation_is_that_of_the_saved_results() -> None:
    saved = load_results(SAVED)
    page = ROOT / "docs" / "does-it-reproduce.md"
    assert page.read_text(encoding="utf-8") == render_page(saved)
    drawn = render_pictures(saved)
    folder = page.parent / pages.IMAGES
    assert {path.name for path in folder.iterdir()} == set(drawn)
    for name, text in drawn.items():
        assert (folder / name).read_text(encoding="utf-8") == text


def test_saved_verdicts_follow_from_the_saved_intervals() -> None:
    judged = 0
    for study in load_results(SAVED).values():
        for row in study["rows"]:
            for name, column in row["columns"].items():
                if "verdict" not in column:
                    continue
                low, high = column["difference"]["low"], column["difference"]["high"]
                tolerance = TOLERANCE[name]
                expected = (
                    "reproduces"
                    if -tolerance <= low and high <= tolerance
                    else "does not reproduce"
                    if low > tolerance or high < -tolerance
                    else "cannot be decided"
                )
                assert column["verdict"] == expected
                judged += 1
    assert judged > 50


def test_results_go_through_their_file(results: Path) -> None:
    content = collect(STUDY, range(3), results / "cells")
    assert load_results(results)["small"] == json.loads(json.dumps(content))
    assert max(map(len, (results / "small.json").read_text().splitlines())) < 2000


@pytest.mark.parametrize("text", ["", "[]", '{"format": 0}'])
def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "figure-4.json").write_text(text)
    with pytest.raises(SavedModelError, match=r"figure-4\.json"):
        load_results(tmp_path)


def test_no_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SavedModelError, match="reproduce --all"):
        load_results(tmp_path)


def test_the_page_has_everything(results: Path) -> None:
    text = render_page(load_results(results))
    for part in (
        "## Small: a study",
        "| [Small: a study](#small) | 3 / 1 / 0 | 1 / 0 / 0 |",
        "- **Small: a study**: a shift adds 0.1.",
        "Runs of each cell: 3. The paper has 10;",
        "- Found.",
        "- Learn.",
        "![Small](images/reproduction/small.svg)",
        "| shift 0.1 | ΔDP | 0.200 ± 0.010 | 0.301 ± 0.001 |",
        "| a shift adds 0.1 | 0.100 | 0.100 (0.100 to 0.100) | reproduces |",
        "- Not run: A face, because no images here.",
        "| small | 0 to 2 | 6 |",
    ):
        assert part in text


def test_pictures_are_files_of_their_own(results: Path) -> None:
    files = write_page(load_results(results), results / "page" / "a.md")
    assert [path.name for path in files] == ["a.md", "small.svg"]
    tree = ElementTree.parse(files[1]).getroot()
    assert tree.tag == "{http://www.w3.org/2000/svg}svg"
    text = files[1].read_text()
    assert "prefers-color-scheme:dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert {"shift 0.0", "shift 0.1", "Err %"} <= {node.text for node in tree.iter()}
