"""Whether the model that a run keeps satisfies a bound, as far as its test rows can tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.fairness import ConfusionCounts
from fairfactor.intervals import Estimate, bootstrap_gap_interval
from fairfactor.mitigation.constraint import ROUNDING, Constraint
from fairfactor.studies.reported import json_safe

Outcome = Literal["kept", "violated", "undecided"]


@dataclass(frozen=True)
class Checked:
    """One constraint on the test rows of a run.

    Attributes:
        constraint: The constraint.
        outcome: Kept if the whole interval keeps the bound, violated if no part of it does,
            else undecided.
        estimate: The metric with its interval.
        reason: One sentence with both.
    """

    constraint: Constraint
    outcome: Outcome
    estimate: Estimate
    reason: str

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values.

        Returns:
            Texts, and the numbers of the estimate, null where they are not finite.
        """
        texts = {"constraint": str(self.constraint), "outcome": self.outcome, "reason": self.reason}
        return json_safe({**texts, **asdict(self.estimate)})


def describe_kept(counts: ConfusionCounts) -> dict[str, Any]:
    """Write what the kept model decides on test rows, for ``metrics.json``.

    Args:
        counts: Its confusion counts.

    Returns:
        JSON values that `check_constraints` reads: counts, and nothing about single rows.
    """
    return {"groups": list(counts.group_names), "test_counts": counts.cells.tolist()}


def check_constraints(
    metrics: Mapping[str, Any], constraints: Sequence[str] = (), *, confidence: float = 0.95
) -> tuple[Checked, ...]:
    """Check the kept model of a run.

    Args:
        metrics: Content of ``metrics.json``.
        constraints: Such as ``"equalized_odds<=0.05"``; those of the tuning if none.
        confidence: That of the intervals.

    Returns:
        One entry a constraint.

    Raises:
        ArgumentError: If there is no constraint, or one cannot be read.
        SavedModelError: If the run has no counts of a kept model.
    """
    texts = list(constraints) or [one["text"] for one in metrics.get("constraints", ())]
    if not texts:
        raise ArgumentError(
            "constraint", (), "at least one bound", "Write --constraint 'equalized_odds<=0.05'."
        )
    kept = metrics.get("kept")
    if not isinstance(kept, Mapping):
        raise SavedModelError(
            "the run keeps no model whose test rows were counted: name a folder that this version "
            "of fairfactor run or fairfactor tune wrote."
        )
    counts = ConfusionCounts(np.array(kept["test_counts"]), tuple(kept["groups"]))
    return tuple(_check(Constraint.parse(text), counts, confidence) for text in texts)


def worst_outcome(checked: Sequence[Checked]) -> Outcome:
    """What is true of all constraints together.

    Args:
        checked: One entry a constraint.

    Returns:
        Violated if one is, else undecided if one is, else kept.
    """
    outcomes = {one.outcome for one in checked}
    order: tuple[Outcome, ...] = ("violated", "undecided")
    return next((outcome for outcome in order if outcome in outcomes), "kept")


def _check(constraint: Constraint, counts: ConfusionCounts, confidence: float) -> Checked:
    estimate = _estimate(constraint, counts, confidence)
    sign = -1 if constraint.is_floor else 1
    worst, best = (estimate.low, estimate.high)[::-sign]
    outcome: Outcome = "undecided"
    if sign * (worst - constraint.bound) <= ROUNDING:
        outcome = "kept"
    elif sign * (best - constraint.bound) > ROUNDING:
        outcome = "violated"
    return Checked(
        constraint, outcome, estimate, _reason(constraint, outcome, estimate, counts, confidence)
    )


def _estimate(constraint: Constraint, counts: ConfusionCounts, confidence: float) -> Estimate:
    """The interval; of an accuracy as that of the error, which noise pushes up as it does a gap."""
    if not constraint.is_floor:
        return bootstrap_gap_interval(counts, constraint.value, confidence=confidence)
    error = bootstrap_gap_interval(
        counts, lambda drawn: 1 - constraint.value(drawn), confidence=confidence
    )
    return Estimate(1 - error.value, 1 - error.high, 1 - error.low)


def _reason(
    constraint: Constraint,
    outcome: Outcome,
    estimate: Estimate,
    counts: ConfusionCounts,
    confidence: float,
) -> str:
    rows = f"{int(counts.cells.sum()):,} test rows"
    if math.isnan(estimate.value):
        return (
            f"{constraint} cannot be decided: on {rows} fewer than two groups have the rows that "
            "it compares."
        )
    measured = (
        f"{constraint.metric} is {estimate.value:.4f} on {rows}, "
        f"{100 * confidence:g} % interval {_end(estimate.low)} to {_end(estimate.high)}"
    )
    said = {
        "kept": f"{constraint} is kept",
        "violated": f"{constraint} is violated",
        "undecided": f"{constraint} cannot be decided with the data at hand",
    }
    return f"{said[outcome]}: {measured}."


def _end(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "∞"
