"""The gate on run folders, by its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fairfactor.cli.app import app
from fairfactor.run_folder import RunFolder


def check(path: Path, *arguments: str):
    return CliRunner().invoke(app, ["check", str(path), *arguments])


@pytest.mark.parametrize(
    ("bound", "code", "word"),
    [
        ("accuracy>=0.2", 0, "is kept"),
        ("accuracy>=99%", 1, "is violated"),
        ("equalized_odds<=0.2", 3, "cannot be decided"),
        ("accuracy>=0.2,accuracy>=0.99", 1, "is violated"),
    ],
)
def test_the_exit_code_tells_the_outcome(tuning_folder: RunFolder, bound, code, word) -> None:
    result = check(tuning_folder.path, "--constraint", bound)
    assert result.exit_code == code
    assert word in result.stdout
    assert len(result.stdout.splitlines()) == bound.count(",") + 1


def test_the_numbers_are_those_of_the_report(tuning_folder: RunFolder) -> None:
    result = check(tuning_folder.path, "--json")
    found = json.loads(result.stdout)
    metrics = tuning_folder.metrics
    written = metrics["points"][metrics["chosen"]]["test"]
    by_name = {one["constraint"]: one for one in found["constraints"]}
    assert set(by_name) == {"equalized_odds<=0.2", "accuracy>=0.6"}
    for name, key in (
        ("equalized_odds<=0.2", "equalized_odds_difference_worst_case"),
        ("accuracy>=0.6", "accuracy"),
    ):
        assert by_name[name]["value"] == pytest.approx(written[key]["value"], abs=1e-12)
    assert by_name["equalized_odds<=0.2"]["high"] == pytest.approx(
        written["equalized_odds_difference_worst_case"]["high"]
    )


def test_a_comparison_of_methods_can_be_checked_too(adult_run) -> None:
    assert check(adult_run.folder.path, "--constraint", "accuracy>=0.7").exit_code == 0


@pytest.mark.parametrize("arguments", [["--constraint", "acuracy>=0.7"], ["--confidence", "2"]])
def test_what_cannot_be_checked_is_neither_kept_nor_violated(tuning_folder, arguments) -> None:
    result = check(tuning_folder.path, *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert check(Path("nowhere"), "--constraint", "accuracy>=0.7").exit_code == 2


def test_a_comparison_with_peers_keeps_no_model(peers_folder: RunFolder) -> None:
    assert check(peers_folder.path, "--constraint", "accuracy>=0.7").exit_code == 2
