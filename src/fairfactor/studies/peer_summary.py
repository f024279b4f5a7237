"""The content of ``metrics.json`` of a comparison with peers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

import fairfactor
from fairfactor.diagnosis import SMALL_GROUP, Finding
from fairfactor.intervals import mean_interval
from fairfactor.mitigation.hypervolume import dominated_area
from fairfactor.peers import PEERS
from fairfactor.studies.duels import Duel, fight
from fairfactor.studies.peer_comparison import PeerComparison
from fairfactor.studies.peer_run import BOUNDS, GAPS, Entry, PeerRun
from fairfactor.studies.reported import (
    FORMAT,
    REPORTED_METRICS,
    describe_data,
    environment,
    json_safe,
)
from fairfactor.studies.verdict import Verdict

KEYS = tuple(metric["key"] for metric in REPORTED_METRICS)


def summarize_peers(comparison: PeerComparison, description: Mapping[str, str]) -> dict[str, Any]:
    """Everything about a comparison with peers as JSON values, without any row of the data.

    Args:
        comparison: A finished comparison.
        description: Name, licence and citation of the data.

    Returns:
        The content of ``metrics.json``.
    """
    first, duels = comparison.runs[0], fight(comparison)
    parts = first.seconds
    summary = {
        "format": FORMAT,
        "kind": "peers",
        "fairfactor_version": fairfactor.__version__,
        "data": describe_data(
            comparison.task, comparison.groups, description, first.features, first.group_sizes
        ),
        "seeds": [run.seed for run in comparison.runs],
        "rows": [_row(comparison, entry) for entry in comparison.entries],
        "frontiers": [_frontier(comparison, gap) for gap in GAPS],
        "duels": [_duel(comparison, duel) for duel in duels],
        "hypervolume": [area for gap in GAPS for area in _areas(comparison, gap)],
        "metrics": list(REPORTED_METRICS),
        "findings": [asdict(finding) for finding in _findings(comparison)],
        "verdict": asdict(_verdict(comparison, duels)),
        "seconds": {
            **{part: sum(run.seconds[part] for run in comparison.runs) for part in parts},
            "total": comparison.wall_seconds,
        },
        "environment": environment(),
    }
    return json_safe(summary)


def _row(comparison: PeerComparison, entry: Entry) -> dict[str, Any]:
    key, place = entry
    peer, missing = PEERS[key], comparison.missing(key)
    setting = ", ".join(f"{name} {value}" for name, value in peer.settings[place].items())
    described = {
        "key": comparison.entry_id(entry),
        "label": f"{peer.label} ({setting})" if setting else peer.label,
        "ours": False,
        "package": peer.package,
        "target": peer.target,
        "setting": setting or None,
        "groups_at_prediction": peer.groups_at_prediction,
        "same_backbone": peer.same_backbone,
        "missing": missing,
    }
    if missing:
        empty: dict[str, Any] = {
            "trained_parameters": None,
            "seconds": None,
            "summary": None,
            "seeds": [],
        }
        return described | empty
    outcomes = comparison.outcomes(entry)
    seconds = mean_interval([outcome.seconds for outcome in outcomes])
    return described | {
        "trained_parameters": outcomes[0].trained_parameters,
        "seconds": {"mean": seconds.mean, "sd": seconds.sd},
        "summary": _summary([outcome.test for outcome in outcomes]),
        "seeds": [
            {"seed": run.seed, **{name: run.outcomes[entry].test[name] for name in KEYS}}
            for run in comparison.runs
        ],
    }


def _frontier(comparison: PeerComparison, gap: str) -> dict[str, Any]:
    points = []
    for bound in BOUNDS:
        choices = [run.frontier[gap, bound] for run in comparison.runs]
        points.append(
            {
                "bound": bound,
                "summary": _summary([choice.test for choice in choices]),
                "feasible_seeds": sum(choice.met for choice in choices),
            }
        )
    return {"key": "ours", "label": "fairfactor", "metric": GAPS[gap], "points": points}


def _duel(comparison: PeerComparison, duel: Duel) -> dict[str, Any]:
    return {
        "peer": comparison.entry_id(duel.entry),
        "metric": duel.metric,
        "bound": duel.bound,
        "ours": {
            "accuracy": asdict(duel.accuracy),
            duel.metric: asdict(duel.our_gap),
            "recipe_label": duel.recipe_label,
        },
        "trained_parameters": duel.trained_parameters,
        "accuracy_difference": asdict(duel.accuracy_difference),
        "gap_difference": asdict(duel.gap_difference),
        "outcome": duel.outcome,
    }


def _areas(comparison: PeerComparison, gap: str) -> list[dict[str, Any]]:
    """Hypervolume of ours and of each peer that aims at the gap, before one reference point.

    That has one and a half times the gap of our most accurate points, and the accuracy of always
    predicting the most frequent class.

    Returns:
        Entries of ``metrics.json``; none if those points show no gap.
    """
    metric, labels = GAPS[gap], comparison.task.labels
    worst_accuracy = max(Counter(labels.tolist()).values()) / len(labels)
    gaps = [run.frontier[gap, BOUNDS[-1]].test[metric] for run in comparison.runs]
    worst_gap = 1.5 * max((value for value in gaps if math.isfinite(value)), default=0.0)
    if worst_gap == 0:
        return []
    families = {("ours", "fairfactor"): [_own_tests(run, gap) for run in comparison.runs]}
    for key in comparison.config.peers:
        peer = PEERS[key]
        if peer.target in {gap, "none"} and not comparison.missing(key):
            families[key, peer.label] = [
                [outcome.test for (name, _), outcome in run.outcomes.items() if name == key]
                for run in comparison.runs
            ]
    described = []
    for (key, label), tests_by_seed in families.items():
        value = mean_interval(
            [
                dominated_area(
                    [(test[metric], test["accuracy"]) for test in tests], worst_gap, worst_accuracy
                )
                for tests in tests_by_seed
            ]
        )
        area = {"mean": value.mean, "sd": value.sd}
        described.append({"key": key, "label": label, "metric": metric, "value": area})
    return described


def _own_tests(run: PeerRun, gap: str) -> list[dict[str, float]]:
    return [choice.test for (name, _), choice in run.frontier.items() if name == gap]


def _summary(tests: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    summary = {}
    for key in KEYS:
        defined = [test[key] for test in tests if math.isfinite(test[key])]
        summary[key] = asdict(mean_interval(defined)) if defined else None
    return summary


def _findings(comparison: PeerComparison) -> list[Finding]:
    findings = []
    missing = {key: comparison.missing(key) for key in comparison.config.peers}
    absent = [f"{PEERS[key].label}: {reason}" for key, reason in missing.items() if reason]
    if absent:
        text = f"Peers without a result, which count neither for nor against: {'; '.join(absent)}."
        findings.append(Finding("warning", "missing-peers", text))
    sizes = np.mean([run.group_sizes["test"] for run in comparison.runs], axis=0)
    small = {n: s for n, s in zip(comparison.groups.names, sizes, strict=True) if s < SMALL_GROUP}
    if small:
        listing = ", ".join(f"{name} ({size:.0f})" for name, size in small.items())
        text = (
            f"Groups with few test rows: {listing}. Their rates, and the gaps that depend on "
            "them, are mostly noise. --minimum-group-size merges small groups."
        )
        findings.append(Finding("warning", "small-groups", text))
    if comparison.config.backbone == "boosted-trees":
        findings.append(Finding("note", "boosted-trees", _about_tree_scores(comparison)))
    if comparison.config.seeds == 1:
        text = "One seed has no interval: no difference can be told from noise. Use --seeds 5."
        findings.append(Finding("warning", "one-seed", text))
    return findings


def _about_tree_scores(comparison: PeerComparison) -> str:
    others = [key for key in comparison.config.peers if not PEERS[key].same_backbone]
    readers = [PEERS[key].label for key in others if PEERS[key].reads_tree_scores]
    strangers = [PEERS[key].label for key in others if not PEERS[key].reads_tree_scores]
    text = (
        "The backbone reads scores of boosted trees for the class and for the group, beside the "
        "inputs, and so does every peer that trains it or reads what it computes."
    )
    if readers:
        text += f" Peers with another model read the same scores: {'; '.join(readers)}."
    if strangers:
        text += f" Peers that read the table alone: {'; '.join(strangers)}."
    return text


def _verdict(comparison: PeerComparison, duels: Sequence[Duel]) -> Verdict:
    counts = Counter(duel.outcome for duel in duels)
    if not duels:
        return Verdict("No peer could be run.", ())
    counted = (
        f"Our point is more accurate in {counts['ours better']} of {len(duels)} duels, no "
        f"difference is detected in {counts['no difference detected']}, the peer is more accurate "
        f"in {counts['peer better']}, and in {counts['not reached']} our gap on test rows exceeds "
        "the peer's by more than one standard error."
    )
    differences = [duel.accuracy_difference for duel in duels if duel.outcome != "not reached"]
    unadjusted = (
        "Before the adjustment, the 95 % interval of the difference in accuracy lies above zero in "
        f"{sum(interval.low > 0 for interval in differences)} duels and below in "
        f"{sum(interval.high < 0 for interval in differences)}."
    )
    rule = (
        "Each of our points was chosen on training and validation rows for the gap that the peer "
        "shows on validation rows; accuracies are compared by paired tests over seeds "
        f"({len(comparison.runs)} here) with Holm's adjustment for all duels."
    )
    sentences = [counted, unadjusted, rule]
    lost = [
        f"{PEERS[duel.entry[0]].label} on {duel.gap.replace('_', ' ')}"
        for duel in duels
        if duel.outcome in {"peer better", "not reached"}
    ]
    if lost:
        sentences.append(f"Where a peer holds its ground: {', '.join(dict.fromkeys(lost))}.")
    return Verdict(
        f"More accurate than the peer in {counts['ours better']} of {len(duels)} duels at no "
        "larger a gap.",
        tuple(sentences),
    )
