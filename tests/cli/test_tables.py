from __future__ import annotations

import io

from rich.console import Console
from tests.diagnosis.example import diagnosis, layer, replacement
from tests.studies.adult import AdultRun

import fairfactor
from fairfactor.cli.tables import as_lines, describe_installation, print_results
from fairfactor.diagnosis import stage_rows
from fairfactor.methods import METHODS
from fairfactor.run_folder import RunFolder


def printed(metrics: dict, width: int = 120) -> str:
    stream = io.StringIO()
    print_results(Console(file=stream, soft_wrap=True, width=width), metrics)
    return stream.getvalue()


def test_every_method_has_a_line_with_its_numbers(adult_run: AdultRun) -> None:
    metrics = adult_run.folder.metrics
    lines = printed(metrics).splitlines()
    for method in metrics["methods"]:
        [line] = [line for line in lines if method["label"] in line]
        assert f"{method['summary']['paper_error']['mean']:.2f}" in line
        assert f"{method['summary']['demographic_parity_difference']['mean']:.3f}" in line
        assert f"{method['summary']['equalized_odds_difference_sum']['mean']:.3f}" in line
        assert str(method["trained_parameters"]) in line
        assert "±" not in line  # of one seed


def test_verdict_and_findings_follow(adult_run: AdultRun) -> None:
    metrics = adult_run.folder.metrics
    text = printed(metrics)
    assert metrics["verdict"]["headline"] in text
    for finding in metrics["findings"]:
        assert f"{finding['severity'].capitalize()}: {finding['text']}" in text


def test_several_seeds_have_a_standard_deviation(adult_run: AdultRun) -> None:
    metrics = adult_run.folder.metrics
    for method in metrics["methods"]:
        method["summary"]["paper_error"] |= {"mean": 16.0, "sd": 0.25}
        method["summary"]["demographic_parity_difference"] = None
    text = printed(metrics)
    assert text.count("16.00 ± 0.25") == len(metrics["methods"])
    assert text.count("—") == len(metrics["methods"])


def test_names_from_the_data_are_not_markup(adult_run: AdultRun) -> None:
    metrics = adult_run.folder.metrics
    metrics["verdict"] = {"headline": "[red]A[/red]", "sentences": ["[b]B[/b]"]}
    metrics["findings"] = [{"severity": "note", "text": "[i]C[/i]"}]
    text = printed(metrics)
    for part in ("[red]A[/red]", "[b]B[/b]", "Note: [i]C[/i]"):
        assert part in text


def test_a_tuning_has_the_unmitigated_and_the_chosen_model_side_by_side(
    tuning_folder: RunFolder,
) -> None:
    metrics = tuning_folder.metrics
    text = printed(metrics, width=160)
    lines = {line.strip("│").split("│")[0].strip(): line for line in text.splitlines()}
    chosen = metrics["points"][metrics["chosen"]]
    for metric in metrics["metrics"]:
        line = lines[metric["label"]]
        scale = 1 if metric["unit"] == "%" else 100
        for point in (metrics["unmitigated"], chosen):
            value, low, high = (scale * number for number in point["test"][metric["key"]].values())
            assert f"{value:.2f}  ({low:.2f} to {high:.2f})" in line
    assert f"{chosen['recipe_label']}; trained parameters {chosen['trained_parameters']}" in text
    assert metrics["verdict"]["headline"] in text


def test_what_is_undefined_is_a_dash_and_what_has_no_end_is_infinite(
    tuning_folder: RunFolder,
) -> None:
    metrics = tuning_folder.metrics
    tested = metrics["points"][metrics["chosen"]]["test"]
    tested["accuracy"] = {"value": None, "low": None, "high": None}
    tested["demographic_parity_difference"] = {"value": 0.25, "low": 0.125, "high": None}
    text = printed(metrics, width=160)
    assert "25.00  (12.50 to ∞)" in text
    assert [line.count("—") for line in text.splitlines() if "│ Accuracy  " in line] == [1]


def test_every_duel_has_a_line_with_both_points(peers_folder: RunFolder) -> None:
    metrics = peers_folder.metrics
    text = printed(metrics, width=200)
    rows = {row["key"]: row for row in metrics["rows"]}
    lines = [line for line in text.splitlines() if line.startswith("│ ")]
    assert len(lines) == len(metrics["duels"]) == 3
    for line, duel in zip(lines, metrics["duels"], strict=True):
        row = rows[duel["peer"]]
        for point in (row["summary"], duel["ours"]):
            accuracy, gap = point["accuracy"]["mean"], point[duel["metric"]]["mean"]
            assert f"{100 * accuracy:.2f}  {100 * gap:.2f}" in line
        assert row["label"] in line
        assert line.rstrip(" │").endswith(duel["outcome"])
    assert metrics["verdict"]["headline"] in text


def test_the_diagnosis_is_a_table_with_what_the_findings_have_not_said(
    tuning_folder: RunFolder,
) -> None:
    full = layer(replacement=replacement(is_full_rank=True, relative_change=0.0))
    made = diagnosis(layers={"[b]head[/b]": full})
    metrics = tuning_folder.metrics | {"diagnosis": made.to_json()}
    text = printed(metrics, width=160)
    for row in stage_rows(made)[1:]:
        assert any(all(cell in line for cell in row) for line in text.splitlines())
    assert "Warning: At this rank the factors reproduce the old weights of [b]head[/b]" in text
    assert "5,000 validation rows" in text
    said = metrics | {"findings": [{"severity": "note", "code": "full-rank", "text": "Said."}]}
    assert "reproduce the old weights" not in printed(said, width=160)


def test_runs_of_older_versions_have_no_diagnosis(tuning_folder: RunFolder) -> None:
    metrics = tuning_folder.metrics
    assert "Kept model" in printed(metrics)
    del metrics["diagnosis"]
    assert "Kept model" not in printed(metrics)


def test_the_installation_is_described() -> None:
    facts = describe_installation()
    assert facts["fairfactor"] == fairfactor.__version__
    assert facts["methods"] == {name: method.label for name, method in METHODS.items()}
    assert set(facts["optional packages"].values()) <= {"installed", "not installed"}


def test_nested_facts_are_indented() -> None:
    facts = {"a": 1, "b": {"c": 2, "d": 3}, "e": "f"}
    assert as_lines(facts) == "a: 1\nb:\n  c: 2\n  d: 3\ne: f"
