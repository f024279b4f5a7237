"""One page about one run, and one about several."""

from __future__ import annotations

import shutil
from pathlib import Path

from typer.testing import CliRunner

from fairfactor.cli.app import app
from fairfactor.run_folder import RunFolder


def report(*arguments: object):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_several_runs_side_by_side(tuning_folder: RunFolder, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(tuning_folder.path, tmp_path / name)
    page = tmp_path / "page.html"
    result = report(tmp_path / "one", tmp_path / "two", "--out", page)
    assert (result.exit_code, result.stdout.strip()) == (0, str(page))
    text = page.read_text(encoding="utf-8")
    assert '<th scope="row">one</th>' in text
    assert str(tmp_path) not in text.replace(str(tuning_folder.config["data"]), "")


def test_several_runs_need_a_place_for_their_page(tuning_folder: RunFolder) -> None:
    result = report(tuning_folder.path, tuning_folder.path)
    assert result.exit_code == 1
    assert "Set --out" in result.stderr


def test_runs_on_other_data_are_refused_and_nothing_is_written(
    tuning_folder: RunFolder, adult_run, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    result = report(tuning_folder.path, adult_run.folder.path, "--out", page)
    assert result.exit_code == 1
    assert "runs with the same data" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not page.exists()


def test_the_page_of_one_run_elsewhere(tuning_folder: RunFolder, tmp_path: Path) -> None:
    result = report(tuning_folder.path, "--out", tmp_path / "copy.html")
    assert result.exit_code == 0
    assert (tmp_path / "copy.html").read_bytes() == tuning_folder.report.read_bytes()
