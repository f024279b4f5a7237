"""Figures from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fairfactor.cli.app import app
from fairfactor.report.figures import write
from fairfactor.run_folder import RunFolder


def test_figures_of_a_tuning(
    tuning_folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "PNG_PACKAGE", "a_package_that_there_is_not")
    arguments = ["figures", str(tuning_folder.path), "--out", str(tmp_path / "f")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    *files, hint = result.stdout.splitlines()
    assert hint == write.HOW_TO_GET_PNG
    assert {Path(file).parent for file in files} == {tmp_path / "f"}
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert found == {"figures": files, "png": False}
