"""The model that a run keeps, whatever its kind: what it is and how it did on test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairfactor.errors import SavedModelError
from fairfactor.fairness import ConfusionCounts
from fairfactor.intervals import group_table
from fairfactor.report.facts import read_estimate, read_estimates, read_facts
from fairfactor.report.fields import Fields
from fairfactor.report.run import RATES, Estimate, GroupRates, RunFacts
from fairfactor.studies.gate import Checked, check_constraints
from fairfactor.studies.reported import estimate_metrics, json_safe

COMMANDS = {"methods": "run", "tuning": "tune"}
"""The command that makes a run which keeps a model, by the kind of the run."""


@dataclass(frozen=True)
class KeptModel:
    """The model that a run keeps.

    Attributes:
        facts: What the run says about itself.
        command: The command that made it.
        label: How the model came about, in words.
        trained_parameters: Parameters that mitigation trained.
        total_parameters: All its parameters.
        groups_at_prediction: Whether it asks for the group of each row.
        metrics: Each metric on test rows with its 95 % bootstrap interval.
        before: The same of the network before mitigation, where the run says it.
        groups: Rates of each group on test rows with 95 % Wilson intervals.
        positives: Test rows of the positive class in each group.
        constraints: What was asked of it, checked on test rows.
    """

    facts: RunFacts
    command: str
    label: str
    trained_parameters: float | None
    total_parameters: float | None
    groups_at_prediction: bool
    metrics: Mapping[str, Estimate]
    before: Mapping[str, Estimate] | None
    groups: tuple[GroupRates, ...]
    positives: tuple[int, ...]
    constraints: tuple[Checked, ...]


def read_kept(metrics: Mapping[str, Any]) -> KeptModel:
    """Read the kept model of a run.

    Args:
        metrics: The contents of ``metrics.json``.

    Returns:
        The model as a record.

    Raises:
        SavedModelError: If the run keeps none, or its file is damaged or of another version.
    """
    kind = metrics.get("kind", "methods")
    if kind not in COMMANDS or not isinstance(metrics.get("kept"), Mapping):
        raise SavedModelError(
            "the run keeps no model whose test rows were counted: name a folder that this version "
            "of fairfactor run or fairfactor tune wrote."
        )
    fields = Fields(metrics)
    described, before = _describe_tuned(fields) if kind == "tuning" else _describe_last(fields)
    kept = fields.child("kept")
    try:
        counts = ConfusionCounts(np.array(metrics["kept"]["test_counts"]), kept.texts("groups"))
    except (KeyError, TypeError, ValueError) as error:
        raise SavedModelError(
            f"metrics.json has no counts of its kept model ({error}): it is damaged. Run the study "
            "again."
        ) from error
    rows = group_table(counts, positive=counts.n_classes - 1)
    return KeptModel(
        facts=read_facts(fields),
        command=COMMANDS[kind],
        **described,
        metrics=read_estimates(Fields(json_safe(estimate_metrics(counts))), "value"),
        before=before,
        groups=tuple(
            GroupRates(
                row.group,
                row.count,
                {
                    rate: read_estimate(Fields(json_safe(vars(getattr(row, rate)))), "value")
                    for rate in RATES
                },
            )
            for row in rows
        ),
        positives=tuple(row.positives for row in rows),
        constraints=check_constraints(metrics) if metrics.get("constraints") else (),
    )


def _describe_tuned(fields: Fields) -> tuple[dict[str, Any], dict[str, Estimate]]:
    """The chosen point of a tuning, and how the network before mitigation did."""
    points, chosen = list(fields.children("points")), fields.number("chosen")
    if chosen is None or chosen not in range(len(points)):
        raise SavedModelError("metrics.json names no chosen point: it is damaged. Tune again.")
    point = points[int(chosen)]
    setting = point.text("setting")
    described = {
        "label": point.text("recipe_label") + (f" ({setting})" if setting else ""),
        "trained_parameters": point.number("trained_parameters"),
        "total_parameters": point.number("total_parameters"),
        "groups_at_prediction": point.flag("groups_at_prediction"),
    }
    return described, read_estimates(fields.child("unmitigated").child("test"), "value")


def _describe_last(fields: Fields) -> tuple[dict[str, Any], None]:
    """The last method of a comparison, on its first seed."""
    methods = list(fields.children("methods"))
    if not methods:
        raise SavedModelError("metrics.json has no method: it is damaged. Run the study again.")
    described = {
        "label": f"{methods[-1].text('label')}, first seed",
        "trained_parameters": methods[-1].number("trained_parameters"),
        "total_parameters": methods[-1].number("total_parameters"),
        "groups_at_prediction": False,
    }
    return described, None
