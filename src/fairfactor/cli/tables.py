"""What the commands print for people."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

import fairfactor
from fairfactor.data.survey import MOST_VALUES
from fairfactor.diagnosis import Diagnosis, signatures, stage_rows
from fairfactor.methods import METHODS
from fairfactor.studies.reported import environment
from fairfactor.studies.work_plan import WorkPlan

_OPTIONAL = ("fairlearn", "peft", "transformers", "accelerate", "onnxruntime")


def print_summary(console: Console, metrics: Mapping[str, Any]) -> None:
    """Print one line a method, then the verdict and the findings.

    Args:
        console: Where to print.
        metrics: Content of ``metrics.json``.
    """
    table = Table("Method", "Err %", "ΔDP", "ΔEO (sum)", "Trained")
    for method in metrics["methods"]:
        summary = method["summary"]
        table.add_row(
            method["label"],
            _mean_and_sd(summary["paper_error"], 2),
            _mean_and_sd(summary["demographic_parity_difference"], 3),
            _mean_and_sd(summary["equalized_odds_difference_sum"], 3),
            str(method["trained_parameters"]),
        )
    console.print(table)
    console.print("Mean ± standard deviation over seeds, on test rows.\n", style="dim")
    _print_verdict(console, metrics)


def print_tuning(console: Console, metrics: Mapping[str, Any]) -> None:
    """Print the unmitigated and the chosen model side by side, then the verdict and findings.

    Args:
        console: Where to print.
        metrics: Content of ``metrics.json`` of a tuning.
    """
    table = Table("On test rows, %", "Unmitigated", "Chosen")
    chosen = metrics["points"][metrics["chosen"]]
    for metric in metrics["metrics"]:
        cells = [point["test"][metric["key"]] for point in (metrics["unmitigated"], chosen)]
        scale = 1 if metric["unit"] == "%" else 100
        table.add_row(metric["label"], *(_estimate(cell, scale) for cell in cells))
    console.print(table)
    trained = f"{chosen['trained_parameters']:,} of {chosen['total_parameters']:,}"
    console.print(f"{chosen['recipe_label']}; trained parameters {trained}.\n", style="dim")
    _print_verdict(console, metrics)


def print_duels(console: Console, metrics: Mapping[str, Any]) -> None:
    """Print each peer's point beside ours for the same gap, then the verdict and findings.

    Args:
        console: Where to print.
        metrics: Content of ``metrics.json`` of a comparison with peers.
    """
    table = Table("Peer, on test rows", "Gap", "Peer: accuracy, gap", "Ours", "Outcome")
    rows = {row["key"]: row for row in metrics["rows"]}
    for duel in metrics["duels"]:
        row, metric = rows[duel["peer"]], duel["metric"]
        theirs, ours = (
            f"{100 * point['accuracy']['mean']:.2f}  {100 * point[metric]['mean']:.2f}"
            for point in (row["summary"], duel["ours"])
        )
        gap = "DP" if metric == "demographic_parity_difference" else "EO"
        table.add_row(row["label"], gap, theirs, ours, duel["outcome"])
    console.print(table)
    console.print("Means over seeds, in percent.\n", style="dim")
    _print_verdict(console, metrics)


def print_columns(console: Console, columns: Sequence[Mapping[str, Any]]) -> None:
    """Print what is done with each column of a table of the user's own.

    Args:
        console: Where to print.
        columns: As in ``metrics.json``; nothing is printed for a data set known by name.
    """
    if not columns:
        return
    table = Table("Column", "Holds", "Values", "Missing", "Role", "What is done")
    for column in columns:
        distinct = column["distinct"]
        table.add_row(
            Text(column["name"]),
            column["kind"],
            f"over {MOST_VALUES:,}" if distinct is None else f"{distinct:,}",
            f"{column['missing']:,}",
            column["role"],
            Text(column["action"]),
        )
    console.print(table)


def print_plan(console: Console, plan: WorkPlan) -> None:
    """Print what a command would do.

    Args:
        console: Where to print.
        plan: The plan.
    """
    data = plan.data
    print_columns(console, data["columns"])
    parts = ", ".join(f"{part} {size:,}" for part, size in data["splits"].items())
    table = Table("Group", *data["splits"], "Positive")
    for group in data["groups"]:
        sizes = [f"{group[part]:,}" for part in data["splits"]]
        table.add_row(Text(group["name"]), *sizes, f"{100 * group['positive_rate']:.1f} %")
    console.print(table)
    layers = Table("Layer", "Outputs × inputs", "Parameters", "Smaller below rank")
    for layer in plan.layers:
        shape = " × ".join(map(str, layer.shape))
        layers.add_row(layer.name, shape, f"{layer.parameters:,}", str(layer.break_even_rank + 1))
    console.print(layers)
    rows = f"{data['rows']:,} rows ({parts}), {len(data['features'])} inputs"
    needs = f"{duration(plan.seconds)} and {plan.memory / 1e9:.1f} GB of memory"
    lines = [
        f"Data: {data['name']}, {rows}; positive class {data['positive_class']}.",
        f"Network: {plan.parameters:,} parameters.",
        *(f"{place}. {step}" for place, step in enumerate(plan.steps, 1)),
        f"Roughly {needs}. Nothing was done or written.",
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False)


def duration(seconds: float) -> str:
    """A rough time in words.

    Args:
        seconds: The time.

    Returns:
        Seconds, minutes or hours.
    """
    if seconds < 90:
        return f"{max(2, round(seconds))} seconds"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"


def print_results(console: Console, metrics: Mapping[str, Any]) -> None:
    """Print the results of any kind of run, and what happened to the model that it keeps.

    Args:
        console: Where to print.
        metrics: Content of ``metrics.json``.
    """
    print_columns(console, metrics["data"].get("columns", ()))
    printers = {"methods": print_summary, "tuning": print_tuning, "peers": print_duels}
    printers[metrics["kind"]](console, metrics)
    if metrics.get("diagnosis"):  # older runs have none
        print_diagnosis(console, metrics)


def print_diagnosis(console: Console, metrics: Mapping[str, Any]) -> None:
    """Print the kept model before and after, and what the findings have not said yet.

    Args:
        console: Where to print.
        metrics: Content of ``metrics.json`` of a run with a diagnosis.
    """
    diagnosis = Diagnosis.from_json(metrics["diagnosis"])
    head, *rows = stage_rows(diagnosis)
    table = Table("Kept model", *head[1:])
    for row in rows:
        table.add_row(*row)
    console.print()
    console.print(table)
    console.print(f"On {diagnosis.rows:,} validation rows.\n", style="dim")
    said = {finding.get("code") for finding in metrics["findings"]}
    _print_findings(
        console, [asdict(found) for found in signatures(diagnosis) if found.code not in said]
    )


def print_study(console: Console, study: Mapping[str, Any]) -> None:
    """Print what a study of the reproduction found: numbers beside the paper's, claims, findings.

    Args:
        console: Where to print.
        study: Content of its results file.
    """
    console.print(f"\n{study['title']}", style="bold", markup=False)
    table = Table("", "Metric", "Paper", "Ours, mean ± sd", "Ours − paper (95 %)", "Verdict")
    for row in study["rows"]:
        for name, column in row["columns"].items():
            table.add_row(
                "" if name != next(iter(row["columns"])) else row["label"],
                study["columns"].get(name, name),
                _spread(column.get("paper"), name),
                _spread(column["ours"], name),
                _difference(column.get("difference"), name),
                column.get("verdict", ""),
            )
    console.print(table)
    for claim in study["claims"]:
        seen = _difference(claim["difference"], claim["metric"])
        text = f"Claim: {claim['text']}. Seen: {seen}: {claim['verdict']}."
        console.print(text, markup=False, highlight=False)
    for gap in study["gaps"]:
        console.print(f"Gap: {gap['label']}: {gap['reason']}", markup=False, highlight=False)
    for finding in study["findings"]:
        console.print(f"Finding: {finding}", markup=False, highlight=False)


def describe_installation() -> dict[str, Any]:
    """Versions, the methods there are, and which optional packages are installed.

    Returns:
        One entry a fact.
    """
    return {
        "fairfactor": fairfactor.__version__,
        **environment(),
        "methods": {method.name: method.label for method in METHODS.values()},
        "optional packages": {
            name: "installed" if importlib.util.find_spec(name) else "not installed"
            for name in _OPTIONAL
        },
    }


def as_lines(facts: Mapping[str, Any]) -> str:
    """Write facts one a line, those of a nested mapping indented below its name.

    Args:
        facts: Values or mappings by name.

    Returns:
        The text.
    """
    lines = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            lines += [f"{name}:", *(f"  {key}: {item}" for key, item in value.items())]
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(lines)


def _print_verdict(console: Console, metrics: Mapping[str, Any]) -> None:
    console.print(metrics["verdict"]["headline"], style="bold", markup=False)
    for sentence in metrics["verdict"]["sentences"]:
        console.print(f"  {sentence}", markup=False, highlight=False)
    _print_findings(console, metrics["findings"])


def _print_findings(console: Console, findings: Sequence[Mapping[str, Any]]) -> None:
    for finding in findings:
        text = f"{finding['severity'].capitalize()}: {finding['text']}"
        console.print(text, markup=False, highlight=False)


def _estimate(estimate: Mapping[str, Any], scale: float) -> str:
    if estimate["value"] is None:
        return "—"
    low, high = (
        "∞" if estimate[end] is None else f"{scale * estimate[end]:.2f}" for end in ("low", "high")
    )
    return f"{scale * estimate['value']:.2f}  ({low} to {high})"


def _spread(number: Mapping[str, Any] | None, column: str) -> str:
    from fairfactor.reproduction.outcome import mean_and_sd

    return "" if number is None else mean_and_sd(number["mean"], number["sd"], column)


def _difference(interval: Mapping[str, Any] | None, column: str) -> str:
    from fairfactor.reproduction.outcome import mean_and_sd

    if interval is None:
        return ""
    mean, low, high = (
        "∞" if interval[end] is None else mean_and_sd(interval[end], None, column)
        for end in ("mean", "low", "high")
    )
    return f"{mean} ({low} to {high})"


def _mean_and_sd(interval: Mapping[str, Any] | None, digits: int) -> str:
    if interval is None:
        return "—"
    spread = "" if interval["sd"] is None else f" ± {interval['sd']:.{digits}f}"
    return f"{interval['mean']:.{digits}f}{spread}"
