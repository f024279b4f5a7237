from __future__ import annotations

import io

from rich.console import Console
from tests.studies.adult import AdultRun

import fairfactor
from fairfactor.cli.tables import as_lines, describe_installation, print_summary
from fairfactor.methods import METHODS


def printed(metrics: dict, width: int = 120) -> str:
    stream = io.StringIO()
    print_summary(Console(file=stream, soft_wrap=True, width=width), metrics)
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


def test_the_installation_is_described() -> None:
    facts = describe_installation()
    assert facts["fairfactor"] == fairfactor.__version__
    assert facts["methods"] == {name: method.label for name, method in METHODS.items()}
    assert set(facts["optional packages"].values()) <= {"installed", "not installed"}


def test_nested_facts_are_indented() -> None:
    facts = {"a": 1, "b": {"c": 2, "d": 3}, "e": "f"}
    assert as_lines(facts) == "a: 1\nb:\n  c: 2\n  d: 3\ne: f"
