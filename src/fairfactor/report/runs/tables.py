"""Runs as the rows of charts and tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fairfactor.report.charts import cell_interval
from fairfactor.report.rates import LEAST_SPAN
from fairfactor.report.rerun import as_option
from fairfactor.report.run import NO_ESTIMATE, RATES, Estimate, MethodResult, Run
from fairfactor.report.runs.read import KeptRun
from fairfactor.report.scale import Scale
from fairfactor.report.tuning.details import value_and_interval
from fairfactor.report.tuning.tables import GroupComparison, GroupRow
from fairfactor.report.wording import whole
from fairfactor.studies.gate import Checked


@dataclass(frozen=True)
class BoundRow:
    """A bound on every run: its outcome, and the value with its interval."""

    text: str
    cells: tuple[tuple[str, str, str, bool], ...]


def as_one_run(runs: Sequence[KeptRun]) -> Run:
    """The kept models as the methods of one comparison, which the charts know how to draw.

    Args:
        runs: The runs.

    Returns:
        A run whose facts are those of the first.
    """
    return Run(
        **vars(runs[0].kept.facts),
        reference_methods=(),
        methods=tuple(
            MethodResult(
                identifier=run.name,
                method=f"run {number}",
                rank=None,
                label=run.name,
                trained_parameters=run.kept.trained_parameters,
                total_parameters=run.kept.total_parameters,
                summary=dict(run.kept.metrics),
                differences={},
                groups=run.kept.groups,
                single_features=(),
                replacement=None,
                tuning=(),
                seeds=(),
                seconds=None,
            )
            for number, run in enumerate(runs)
        ),
        importance=None,
    )


def bound_rows(runs: Sequence[KeptRun]) -> tuple[BoundRow, ...]:
    """Every bound that a run asked for, on all of them.

    Args:
        runs: The runs.

    Returns:
        One row for each bound; its cells are outcome, value, interval, and whether it was asked.
    """
    asked = [{str(one.constraint) for one in run.kept.constraints} for run in runs]
    return tuple(
        BoundRow(
            text=(text := str(runs[0].checked[place].constraint)),
            cells=tuple(
                (
                    checked.outcome,
                    *value_and_interval(_finite(checked)),
                    text in by_run,
                )
                for run, by_run in zip(runs, asked, strict=True)
                if (checked := run.checked[place])
            ),
        )
        for place in range(len(runs[0].checked))
    )


def rate_axes(runs: Sequence[KeptRun]) -> tuple[Scale, ...]:
    """The axis of each rate, shared by all runs.

    Args:
        runs: The runs.

    Returns:
        One axis for each of `RATES`.
    """
    groups = [group for run in runs for group in run.kept.groups]
    return tuple(
        Scale.covering(
            [part for group in groups for part in group.rates[rate].parts], least_span=LEAST_SPAN
        )
        for rate in RATES
    )


def group_rates(runs: Sequence[KeptRun]) -> tuple[GroupComparison, ...]:
    """Rates of every group under every kept model.

    Args:
        runs: The runs.

    Returns:
        One entry for each group, with a row for each run; a run without the group has dashes.
    """
    axes = rate_axes(runs)
    names = dict.fromkeys(group.name for run in runs for group in run.kept.groups)
    return tuple(_group(runs, name, axes) for name in names)


def setting_rows(runs: Sequence[KeptRun]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What was set differently.

    Args:
        runs: The runs.

    Returns:
        The name of each option that differs, with its value in each run.
    """
    names = dict.fromkeys(name for run in runs for name in run.config)
    rows = [
        ("command", tuple(f"fairfactor {run.kept.command}" for run in runs)),
        ("version", tuple(run.kept.facts.version for run in runs)),
        *((name, tuple(as_option(run.config.get(name)) for run in runs)) for name in names),
    ]
    return tuple((name, values) for name, values in rows if len(set(values)) > 1)


def _group(runs: Sequence[KeptRun], name: str, axes: tuple[Scale, ...]) -> GroupComparison:
    rows, counts, positives, is_small = [], [], [], False
    for run in runs:
        place = next((i for i, group in enumerate(run.kept.groups) if group.name == name), None)
        cells = []
        for rate, axis in zip(RATES, axes, strict=True):
            estimate = NO_ESTIMATE if place is None else run.kept.groups[place].rates[rate]
            cells.append((*value_and_interval(estimate), cell_interval(estimate, axis)))
        if place is not None:
            counts.append(whole(run.kept.groups[place].count))
            positives.append(whole(run.kept.positives[place]))
            is_small |= run.kept.groups[place].is_small
        rows.append(GroupRow(run.name, tuple(cells)))
    return GroupComparison(
        name=name,
        count=_each(counts),
        positives=_each(positives),
        is_small=is_small,
        rows=tuple(rows),
    )


def _finite(checked: Checked) -> Estimate:
    """The estimate of a bound with ``None`` for what is not finite."""
    parts = (checked.estimate.value, checked.estimate.low, checked.estimate.high)
    return Estimate(*(part if math.isfinite(part) else None for part in parts))


def _each(counts: Sequence[str]) -> str:
    """One count if all are alike, else all of them."""
    return " / ".join(counts if len(set(counts)) > 1 else counts[:1])
