from __future__ import annotations

import pytest
from tests.report.example import example_config, example_metrics
from tests.report.example_parts import columns, leakage
from tests.report.markup import Page

from fairfactor.report import render_report
from fairfactor.report.columns import STRONGEST, columns_section


def test_every_column_and_strength_is_on_the_page() -> None:
    metrics = example_metrics()
    text = Page(render_report(metrics, example_config())).text
    for column in metrics["data"]["columns"]:
        assert f"{column['name']} {column['role']} {column['action']} {column['kind']}" in text
    for one in metrics["data"]["leakage"]["group"]:
        assert f"{one['column']} {one['auc']:.2f}" in text
    assert "1 target, 1 sensitive, 3 input, 1 left out" in text
    assert "All inputs together tell the group with 0.94" in text
    assert "very many" in text


def test_bars_go_from_chance_to_certainty() -> None:
    written = leakage()
    written["group"] = [{"column": "a", "auc": 1.0}, {"column": "b", "auc": 0.75}]
    written["group"] += [{"column": "c", "auc": 0.5}, {"column": "d", "auc": 0.4}]
    written["target"] = []
    found = columns_section({"data": {"leakage": written}})
    assert found is not None
    bars = {row.name: row.group[1] for row in found.strongest}
    assert 'width="100"' in bars["a"]
    assert 'width="50"' in bars["b"]
    assert bars["c"] == bars["d"] == ""
    assert {row.target for row in found.strongest} == {("—", "", "")}
    assert {row.name: row.group[2] for row in found.strongest} == {
        "a": "proxy", "b": "", "c": "", "d": "",
    }  # fmt: skip


def test_what_nearly_determines_the_target_is_flagged() -> None:
    metrics = example_metrics()
    metrics["data"]["leakage"]["target"][0] = {"column": "age", "auc": 0.991}
    page = Page(render_report(metrics, example_config()))
    assert "age 0.72 leak? 0.99" in page.text
    assert "proxy 0.9" not in page.text


def test_many_columns_are_folded_and_the_strongest_shown() -> None:
    names = [f"column {index}" for index in range(60)]
    data = {"columns": columns(names), "leakage": leakage(names)}
    found = columns_section({"data": data})
    assert found is not None
    assert found.many
    assert len(found.strongest) == STRONGEST
    assert len(found.others) == 63 - STRONGEST
    # The first tells the group best, the last the target.
    assert {row.name for row in found.strongest[:2]} == {"relationship", "column 59"}
    metrics = example_metrics()
    metrics["data"] |= data
    assert "51 other inputs" in Page(render_report(metrics, example_config())).text


@pytest.mark.parametrize("keys", [("columns",), ("leakage",), ("columns", "leakage")])
def test_runs_of_older_versions(keys: tuple[str, ...]) -> None:
    metrics = example_metrics()
    for key in keys:
        del metrics["data"][key]
    text = Page(render_report(metrics, example_config())).text
    assert ("What was done with each column" in text) == ("columns" not in keys)
    assert ("gives away by itself" in text) == ("leakage" not in keys)
