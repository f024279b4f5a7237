"""What a tuning found, in plain words, and what changes how it should be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairfactor.mitigation.constraint import METRIC_OF_NAME
from fairfactor.studies.findings import SMALL_GROUP, Finding
from fairfactor.studies.reported import REPORTED_METRICS
from fairfactor.studies.tuning import Tuning
from fairfactor.studies.verdict import Verdict


def find_in_tuning(tuning: Tuning, chosen: Mapping[str, Any]) -> list[Finding]:
    """What changes how the choice should be read.

    Args:
        tuning: A finished tuning.
        chosen: The chosen point as in ``metrics.json``.

    Returns:
        Small groups, and bounds that test rows miss or cannot decide.
    """
    findings = []
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
    for constraint in tuning.constraints:
        test = chosen["test"][METRIC_OF_NAME[constraint.metric]]
        value, worst = test["value"], test["low" if constraint.is_floor else "high"]
        if constraint.metric in {"worst_group_error", "error_rate"}:
            continue
        holds = value >= constraint.bound if constraint.is_floor else value <= constraint.bound
        surely = worst >= constraint.bound if constraint.is_floor else worst <= constraint.bound
        if tuning.tuned.met and not holds:
            findings.append(
                Finding(
                    "warning",
                    "missed-on-test",
                    f"{constraint} holds on validation rows and not on test rows ({value:.4f}). "
                    "Ask for a smaller bound or a higher confidence, or collect more rows.",
                )
            )
        elif tuning.tuned.met and not surely:
            findings.append(
                Finding(
                    "note",
                    "undecided-on-test",
                    f"On test rows {constraint} holds for the estimate, and its 95 % interval "
                    f"reaches {worst:.4f}: these rows cannot decide it.",
                )
            )
    return findings


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
    if not asked:
        headline = f"{len(tuning.tuned.frontier):,} operating points explored; choose one below."
    elif tuning.tuned.met:
        headline = f"A model that keeps {asked} on validation rows was found."
    else:
        headline = f"No model keeps {asked}; the nearest reachable one is shown."
    measured = dict.fromkeys(METRIC_OF_NAME[c.metric] for c in tuning.constraints)
    labels = {metric["key"]: metric["label"].lower() for metric in REPORTED_METRICS}
    sentences = [
        f"On test rows its {labels[key]} is {_text(after['test'][key])}; that of the unmitigated "
        f"network is {_text(before['test'][key])}."
        for key in dict.fromkeys([*measured, "accuracy"])
        if key in labels
    ]
    return Verdict(headline, (*sentences, tuning.tuned.message))


def _text(estimate: Mapping[str, float]) -> str:
    return (
        f"{100 * estimate['value']:.2f} % (95 % interval {100 * estimate['low']:.2f} to "
        f"{100 * estimate['high']:.2f})"
    )
