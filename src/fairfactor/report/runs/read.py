"""Reading several runs, and saying what keeps them from being compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.report.kept import KeptModel, read_kept
from fairfactor.report.run import Finding
from fairfactor.report.wording import listed
from fairfactor.studies.gate import Checked, check_constraints

MOST_RUNS = 12
"""So many runs fit into a chart."""
_SEEDS = ("seed", "first_seed")


@dataclass(frozen=True)
class RunSource:
    """A run as it lies in its folder.

    Attributes:
        name: What to call it.
        metrics: The contents of its ``metrics.json``.
        config: The contents of its ``config.json``.
    """

    name: str
    metrics: Mapping[str, Any]
    config: Mapping[str, Any]


@dataclass(frozen=True)
class KeptRun:
    """A run and the model that it keeps.

    Attributes:
        name: What to call it.
        kept: The model.
        config: The configuration.
        checked: Every bound that any of the runs asked for, checked on this run's test rows.
    """

    name: str
    kept: KeptModel
    config: Mapping[str, Any]
    checked: tuple[Checked, ...]


def read_runs(sources: Sequence[RunSource]) -> tuple[KeptRun, ...]:
    """Read runs that can stand side by side.

    Args:
        sources: The runs.

    Returns:
        The same as records.

    Raises:
        ArgumentError: If there are too few or too many, one is named twice, or they differ in the
            data, the target or the positive class.
    """
    names = [source.name for source in sources]
    if not 2 <= len(names) == len(set(names)) <= MOST_RUNS:
        raise ArgumentError("runs", names, f"2 to {MOST_RUNS} different runs")
    kept = [_read(source) for source in sources]
    for what, values in (
        ("data", [one.facts.data.name for one in kept]),
        ("target", [one.facts.data.target for one in kept]),
        ("positive class", [one.facts.data.positive_class for one in kept]),
    ):
        _require_same(what, names, values)
    bounds = dict.fromkeys(str(c.constraint) for one in kept for c in one.constraints)
    return tuple(
        KeptRun(
            source.name,
            one,
            source.config,
            check_constraints(source.metrics, list(bounds)) if bounds else (),
        )
        for source, one in zip(sources, kept, strict=True)
    )


def find_differences(runs: Sequence[KeptRun]) -> tuple[Finding, ...]:
    """What makes the runs hard to compare.

    Args:
        runs: The runs.

    Returns:
        Warnings first, then notes.
    """
    findings = []
    if len({run.kept.facts.data.rows for run in runs}) > 1:
        rows = [f"{run.name} {run.kept.facts.data.rows:,.0f}" for run in runs]
        findings.append(
            Finding("warning", f"The runs read different numbers of rows: {listed(rows, 12)}.")
        )
    if len({_groups(run) for run in runs}) > 1:
        features = [f"{run.name}: {listed(run.kept.facts.data.sensitive_features)}" for run in runs]
        findings.append(
            Finding(
                "warning",
                "The runs compare different groups, so that their gaps are not the same "
                f"quantity ({'; '.join(features)}).",
            )
        )
    if not have_same_test_rows(runs):
        findings.append(
            Finding(
                "warning",
                "The runs were measured on different test rows. Differences between them mix the "
                "models with the luck of the draw: repeat them with the same command and seed to "
                "compare the models.",
            )
        )
    asking = [run.name for run in runs if run.kept.groups_at_prediction]
    if asking and len(asking) < len(runs):
        findings.append(
            Finding(
                "warning",
                f"{listed(asking, 12)} asks for the group of every row at prediction, the others "
                "do not. That makes small gaps easier, and is unlawful in many places.",
            )
        )
    return tuple(findings)


def have_same_test_rows(runs: Sequence[KeptRun]) -> bool:
    """Whether, as far as the folders tell, the runs were measured on the same rows.

    Args:
        runs: The runs.

    Returns:
        Whether command, seed and the counts of every group agree.
    """
    return (
        len(
            {
                (
                    run.kept.command,
                    *(run.config.get(name) for name in _SEEDS),
                    tuple(group.count for group in run.kept.groups),
                    run.kept.positives,
                )
                for run in runs
            }
        )
        == 1
    )


def _read(source: RunSource) -> KeptModel:
    try:
        return read_kept(source.metrics)
    except SavedModelError as error:
        raise SavedModelError(f"{source.name}: {error}") from error


def _groups(run: KeptRun) -> tuple[str, ...]:
    names = (group.name for group in run.kept.groups)
    return (*run.kept.facts.data.sensitive_features, "", *names)


def _require_same(what: str, names: Sequence[str], values: Sequence[str]) -> None:
    for name, value in zip(names, values, strict=True):
        if value != values[0]:
            raise ArgumentError(
                "runs",
                name,
                f"runs with the same {what}: {names[0]} has {values[0]!r} and {name} has {value!r}",
                "Compare runs of one question.",
            )
