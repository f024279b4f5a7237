"""What a tuning found, in plain words, and what changes how it should be read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fairfactor.diagnosis import SMALL_GROUP, Finding
from fairfactor.mitigation.constraint import METRIC_OF_NAME, ROUNDING, Constraint
from fairfactor.mitigation.decidability import smallest_decidable_bound
from fairfactor.studies.reported import REPORTED_METRICS
from fairfactor.studies.tuning import Tuning
from fairfactor.studies.verdict import Verdict


def find_in_tuning(tuning: Tuning, chosen: Mapping[str, Any]) -> list[Finding]:
    """What changes how the choice should be read.

    Args:
        tuning: A finished tuning.
        chosen: The chosen point as in ``metrics.json``.

    Returns:
        That groups are asked for, small groups, inputs that guess the group, bounds that are too
        tight for the validation rows, and bounds that test rows miss or cannot decide.
    """
    findings = []
    if tuning.problem.tree_scores is not None:
        findings.append(
            Finding(
                "note",
                "boosted-trees",
                "Inputs of the network are scores of boosted trees too, for the class and for the "
                "group. Groups of training rows made the latter; to predict, no group is needed.",
            )
        )
    if tuning.tuned.chosen.groups_at_prediction:
        findings.append(
            Finding(
                "warning",
                "groups-at-prediction",
                f"This model asks for {_asked_columns(tuning)} of every row that it predicts, and "
                "decides by different thresholds for different groups. Check that this is lawful "
                "for your use; without --groups-at-prediction a model that does not ask is chosen.",
            )
        )
    small = [group for group in chosen["groups"] if group["count"] < SMALL_GROUP]
    if small:
        listing = ", ".join(f"{group['name']} ({group['count']})" for group in small)
        findings.append(
            Finding(
                "warning",
                "small-groups",
                f"Groups with few test rows: {listing}. Their rates, and the gaps that depend on "
                "them, are mostly noise. --minimum-group-size merges small groups.",
            )
        )
    findings += [
        _find_undecidable(constraint, smallest, tuning)
        for constraint, smallest in undecidable(tuning).items()
    ]
    return findings + [
        finding
        for constraint in tuning.constraints
        if tuning.tuned.met and (finding := _find_on_test(constraint, chosen["test"]))
    ]


def undecidable(tuning: Tuning) -> dict[Constraint, float]:
    """Constraints that the validation rows are too few for.

    Args:
        tuning: A finished tuning.

    Returns:
        For each of them the smallest bound that these rows could decide with the confidence asked
        for; none if no confidence was asked for.
    """
    if tuning.confidence is None:
        return {}
    counts = tuning.tuned.chosen.validation
    smallest = {
        constraint: smallest_decidable_bound(constraint, counts, tuning.confidence)
        for constraint in tuning.constraints
    }
    return {c: bound for c, bound in smallest.items() if bound is not None and bound > c.bound}


def _find_undecidable(constraint: Constraint, smallest: float, tuning: Tuning) -> Finding:
    rows = tuning.tuned.chosen.validation
    few = int(rows.actual.min(axis=1).argmin())
    return Finding(
        "warning",
        "undecidable",
        f"{constraint} cannot be decided with the data at hand: group {rows.group_names[few]!r} "
        f"has {rows.sizes[few]:,} validation rows, {rows.actual[few].min():,} of them of its rarer "
        "class. Even a model that treats all groups alike would show a gap of "
        f"{min(smallest, 1.0):.3f} or more in {1 - (tuning.confidence or 0):.0%} of such samples. "
        "Merge small groups with --minimum-group-size, collect more rows, or ask for a bound "
        "above that.",
    )


def _find_on_test(constraint: Constraint, test: Mapping[str, Any]) -> Finding | None:
    """Say where test rows do not confirm a constraint that validation rows keep.

    Returns:
        The finding; ``None`` if the whole interval keeps the bound.
    """
    asked = constraint.on_accuracy
    estimate = test[METRIC_OF_NAME[asked.metric]]
    value, worst = estimate["value"], estimate["low" if asked.is_floor else "high"]
    excess, worst_excess = (
        asked.bound - number if asked.is_floor else number - asked.bound
        for number in (value, worst)
    )
    if math.isnan(value):
        return Finding(
            "warning",
            "undefined-on-test",
            f"{constraint} cannot be checked: on test rows fewer than two groups have the rows "
            "that it compares. Merge small groups with --minimum-group-size, or collect more rows.",
        )
    if excess > ROUNDING:
        return Finding(
            "warning",
            "missed-on-test",
            f"{constraint} holds on validation rows and not on test rows ({_measured(asked)} "
            f"{value:.4f}). Ask for a stricter bound or a higher confidence, or collect more rows.",
        )
    if worst_excess > ROUNDING:
        reached = f"reaches {worst:.4f}" if math.isfinite(worst) else "has no end"
        return Finding(
            "note",
            "undecided-on-test",
            f"On test rows {constraint} holds for the estimate, and the 95 % interval of its "
            f"{_measured(asked)} {reached}: these rows cannot decide it.",
        )
    return None


def give_tuning_verdict(
    tuning: Tuning, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Verdict:
    """Say what was found, in plain words.

    Args:
        tuning: A finished tuning.
        before: The unmitigated network as in ``metrics.json``.
        after: The chosen point as in ``metrics.json``.

    Returns:
        The verdict.
    """
    asked = " and ".join(str(constraint) for constraint in tuning.constraints)
    asks = ""
    if tuning.tuned.chosen.groups_at_prediction:
        asks = f"; it asks for {_asked_columns(tuning)} at prediction"
    if not asked:
        headline = f"{len(tuning.tuned.frontier):,} operating points explored; choose one below."
    elif tuning.tuned.met:
        headline = f"A model that keeps {asked} on validation rows was found{asks}."
    elif few := " and ".join(map(str, undecidable(tuning))):
        headline = f"{few} cannot be decided with the data at hand; the nearest is shown{asks}."
    else:
        sure = "" if tuning.confidence is None else f" at confidence {tuning.confidence:g}"
        headline = f"No model keeps {asked}{sure}; the nearest reachable one is shown{asks}."
    measured = (METRIC_OF_NAME[c.on_accuracy.metric] for c in tuning.constraints)
    labels = {metric["key"]: metric["label"].lower() for metric in REPORTED_METRICS}
    sentences = [
        f"On test rows its {labels[key]} is {_text(after['test'][key])}; that of the unmitigated "
        f"network is {_text(before['test'][key])}."
        for key in dict.fromkeys([*measured, "accuracy"])
    ]
    return Verdict(headline, (*sentences, tuning.tuned.message))


def _asked_columns(tuning: Tuning) -> str:
    return " and ".join(tuning.task.sensitive_columns)


def _measured(constraint: Constraint) -> str:
    return constraint.metric.replace("_", " ")


def _text(estimate: Mapping[str, float]) -> str:
    if math.isnan(estimate["value"]):
        return "undefined"
    low, high = (
        f"{100 * estimate[end]:.2f}" if math.isfinite(estimate[end]) else "∞"
        for end in ("low", "high")
    )
    return f"{100 * estimate['value']:.2f} % (95 % interval {low} to {high})"
