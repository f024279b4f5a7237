"""Tables as people have them: each is used, or refused in one line with a way out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.studies.examples import hiring_frame
from typer.testing import CliRunner

from fairfactor.cli.app import app


def frame(**columns: object) -> pd.DataFrame:
    return hiring_frame(400).assign(**columns)


def invoke(command: str, table: pd.DataFrame | bytes, folder: Path, *more: str) -> Any:
    path = folder / "t.csv"
    if isinstance(table, bytes):
        path.write_bytes(table)
    else:
        table.to_csv(path, index=False)
    options = ["--target", "hired", "--sensitive", "sex", "--out", str(folder / "out"), *more]
    return CliRunner().invoke(app, [command, str(path), *options])


def tune(table: pd.DataFrame | bytes, folder: Path, *more: str) -> dict[str, Any]:
    """Tune a small network and return the results."""
    options = ["--hidden", "6", "--recipes", "late-features", *more]
    result = invoke("tune", table, folder, "--json", *options)
    assert result.exit_code == 0, result.stdout
    return json.loads((folder / "out" / "metrics.json").read_text())


def roles(metrics: dict[str, Any]) -> dict[str, str]:
    return {column["name"]: column["role"] for column in metrics["data"]["columns"]}


SOURCE = np.random.default_rng(0)
MANY = ["big"] * 240 + [f"r{n % 40}" for n in range(160)]
USED = {
    "a keyword and markup as names": frame(**{"class": 1.5, "<script>alert(1)</script>": "x"}),
    "names with quotes, commas and brackets": frame(
        **{'a "b", [red]c[/red]': SOURCE.normal(size=400)}
    ),
    "identifiers, dates and constants": frame(
        id=range(400), day=pd.date_range("2020-01-01", periods=400).astype(str), same="x"
    ),
    "a column of many names": frame(name=[f"person {n}" for n in range(400)]),
    "an empty column and empty cells": frame(
        none=None, town=[None, "A", "B", "C"] * 100, skill=[None, 1.0, 2.0, 3.0] * 100
    ),
    "placeholders": frame(hours=[*["n/a", "NaN", "?"] * 20, *range(340)]),
    "mixed types": frame(mixed=["1", "x", 2.5, "2020-01-01"] * 100),
    "a group of one row": frame(sex=["x", *["f", "m"] * 199, "f"]),
    "numbers as groups and as target": frame(sex=[1, 2] * 200, hired=[0, 1, 1, 0] * 100),
    "the target among the features": frame(decision=lambda table: table.hired.map(str.upper)),
    "a very large number": frame(hours=[1e30, *range(399)]),
    "one feature": frame()[["skill", "sex", "hired"]],
    "one useful feature": frame(town="x", hours=7),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", USED)
def test_it_is_used(name: str, tmp_path: Path) -> None:
    metrics = tune(USED[name], tmp_path)
    planned = roles(metrics)
    assert list(planned) == list(USED[name].columns)
    assert (planned["hired"], planned["sex"]) == ("target", "sensitive")
    assert "input" in planned.values()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script>alert" not in page


def test_the_target_in_other_words_is_left_out(tmp_path: Path) -> None:
    assert roles(tune(USED["the target among the features"], tmp_path))["decision"] == "left out"


def test_many_small_intersections_are_merged(tmp_path: Path) -> None:
    metrics = tune(frame(region=MANY), tmp_path, "--sensitive", "sex,region")
    found = [group["name"] for group in metrics["data"]["groups"]]
    assert found == ["f × big", "m × big", "other (small groups)"]


def test_a_group_too_small_to_measure_stops_nothing(tmp_path: Path) -> None:
    table = USED["a group of one row"]
    result = invoke("tune", table, tmp_path, "--hidden", "6", "--recipes", "late-features")
    assert result.exit_code == 0
    assert "1 rows of groups with fewer than 30 rows are too few" in result.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [group["name"] for group in metrics["data"]["groups"]] == ["f", "m"]


@pytest.mark.filterwarnings("ignore")
def test_an_export_with_semicolons_mark_and_total(tmp_path: Path) -> None:
    text = frame().to_csv(index=False, sep=";", decimal=",") + "Total;;;;\n"
    metrics = tune(text.encode("utf-8-sig"), tmp_path)
    assert metrics["data"]["rows"] == 400
    assert roles(metrics)["skill"] == "input"


@pytest.mark.filterwarnings("ignore")
def test_three_classes_and_a_cut_number(tmp_path: Path) -> None:
    table = frame(hired=SOURCE.choice(["no", "maybe", "yes"], 400))
    assert tune(table, tmp_path)["data"]["positive_class"] == "yes"
    table = frame(hired=SOURCE.normal(size=400))
    metrics = tune(table, tmp_path, "--threshold", "0.5", "--overwrite")
    assert metrics["data"]["positive_class"] == "above 0.5"


REFUSED = {
    "one class": (frame(hired="yes"), [], r"target 'hired' has 1 different values"),
    "one group": (frame(sex="f"), [], r"gives the single group 'f': a gap needs two"),
    "a number to regress on": (frame(hired=SOURCE.normal(size=400)), [], r"--threshold or --bins"),
    "no target in any row": (frame(hired=None), [], r"target 'hired' has no value in any row"),
    "a misspelt column": (frame(), ["--sensitive", "sexx"], r"no column 'sexx'.*mean 'sex'\?"),
    "a misspelt exclusion": (frame(), ["--exclude", "twon"], r"no column 'twon'.*mean 'town'\?"),
    "a group without a class": (
        frame(sex=["a"] * 200 + ["b"] * 200, hired=["no", "yes"] * 100 + ["no"] * 200),
        [],
        r"group 'b' has no rows of class 'yes'.*minimum.group.size",
    ),
    "too many groups": (frame(sex=range(400)), [], r"'sex' has 400 different values.*age bands"),
    "no input": (frame()[["sex", "hired"]], [], r"no column is left as an input"),
    "a name twice": (b"a,a,sex,hired\n1,2,f,no\n", [], r"has two columns 'a'\. Rename"),
    "only names": (b"a,sex,hired\n", [], r"has no rows"),
    "a workbook": (b"PK\x03\x04rest", [], r"Excel workbook.*Save the sheet as CSV"),
    "too few rows": (frame().head(2), [], r"."),
    "a positive class that is not there": (frame(), ["--positive", "ja"], r"no class 'ja'"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("command", ["run", "tune"])
@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_line(name: str, command: str, tmp_path: Path) -> None:
    table, more, text = REFUSED[name]
    result = invoke(command, table, tmp_path, *more)
    assert result.exit_code == 1
    [line] = [line for line in result.stderr.splitlines() if line.startswith("fairfactor: ")]
    assert re.search(text, line)
    assert not (tmp_path / "out").exists()
