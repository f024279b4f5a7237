"""The model card from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fairfactor.cli.app import app
from fairfactor.run_folder import RunFolder


def card(*arguments: object):
    return CliRunner().invoke(app, ["card", *map(str, arguments)])


@pytest.fixture
def run(tuning_folder: RunFolder, tmp_path: Path) -> Path:
    shutil.copytree(tuning_folder.path, tmp_path / "run")
    return tmp_path / "run"


def test_a_lost_card_is_written_again_and_its_place_is_printed(run: Path) -> None:
    place = run / "model" / "README.md"
    before = place.read_bytes()
    place.unlink()
    result = card(run)
    assert (result.exit_code, result.stdout.strip()) == (0, str(place))
    assert place.read_bytes() == before
    assert json.loads(card(run, "--json").stdout) == {"card": str(place)}


def test_an_edited_card_is_replaced_only_when_asked(run: Path, tmp_path: Path) -> None:
    place = run / "model" / "README.md"
    place.write_text("Mine.")
    result = card(run)
    assert result.exit_code == 1
    assert "--overwrite" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert place.read_text() == "Mine."
    assert card(run, "--out", tmp_path / "other.md").exit_code == 0
    assert card(run, "--overwrite").exit_code == 0
    assert place.read_text(encoding="utf-8").startswith("---\n# license")


def test_a_comparison_with_peers_has_none(peers_folder: RunFolder) -> None:
    result = card(peers_folder.path)
    assert result.exit_code == 1
    assert "keeps no model" in result.stderr
