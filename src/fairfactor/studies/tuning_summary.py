"""The content of ``metrics.json`` of a tuning: the frontier, the choice and what it does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

import fairfactor
from fairfactor.fairness import ConfusionCounts, confusion_counts
from fairfactor.groups import Groups
from fairfactor.intervals import group_table
from fairfactor.mitigation import RECIPES, OperatingPoint
from fairfactor.mitigation.constraint import METRIC_OF_NAME
from fairfactor.part import Part
from fairfactor.pipeline import predict_probabilities
from fairfactor.problem import Problem, count_classes, predict_classes
from fairfactor.studies.calibration import (
    GroupCalibration,
    calibrate_groups,
    describe_calibration,
    point_probabilities,
)
from fairfactor.studies.feature_groups import feature_groups
from fairfactor.studies.gate import describe_kept
from fairfactor.studies.layer_readings import read_point, read_unmitigated
from fairfactor.studies.point_counts import count_points
from fairfactor.studies.reported import (
    FORMAT,
    REPORTED_METRICS,
    describe_data,
    environment,
    estimate_metrics,
    json_safe,
)
from fairfactor.studies.tuning import Tuning
from fairfactor.studies.tuning_diagnosis import diagnose_tuning
from fairfactor.studies.tuning_verdict import find_in_tuning, give_tuning_verdict
from fairfactor.surgery import count_parameters

FRONTIER_GAPS = {
    "demographic_parity": "demographic_parity_difference",
    "equalized_odds": "equalized_odds_difference_worst_case",
    "equal_opportunity": "equal_opportunity_difference",
}
"""Gaps whose frontiers are kept, by the names that constraints use."""

MOST_POINTS = 40
"""Points kept of each gap's frontier, evenly spread."""


def summarize_tuning(tuning: Tuning, description: Mapping[str, str]) -> dict[str, Any]:
    """Everything about a tuning as JSON values, without any row of the data.

    Args:
        tuning: A finished tuning.
        description: Name, licence and citation of the data.

    Returns:
        The content of ``metrics.json``.
    """
    problem, chosen_point = tuning.problem, tuning.tuned.chosen
    kept = _kept_points(tuning)
    tested = count_points(problem, problem.test, kept)
    unmitigated = _point(
        {
            "id": "unmitigated",
            "recipe": "unmitigated",
            "recipe_label": "Unmitigated network",
            "setting": "",
            "trained_parameters": 0,
            "total_parameters": count_parameters(problem.backbone).total,
            "groups_at_prediction": False,
            "on_frontier": {},
            "model": None,
        },
        _network_counts(problem, problem.validation),
        _network_counts(problem, problem.test),
    )
    points = [
        _point(
            {
                "id": f"point-{number}",
                "recipe": point.recipe,
                "recipe_label": RECIPES[point.recipe].label,
                "setting": ", ".join(f"{key}: {value}" for key, value in point.setting.items()),
                "trained_parameters": point.trained_parameters,
                "total_parameters": count_parameters(point.cell_model).total,
                "groups_at_prediction": point.groups_at_prediction,
                "on_frontier": on_frontier,
                "model": "model" if point is chosen_point else None,
            },
            point.validation,
            test,
        )
        for number, ((point, on_frontier), test) in enumerate(
            zip(kept.items(), tested, strict=True)
        )
    ]
    chosen = list(kept).index(chosen_point)
    parts = {"train": problem.train, "validation": problem.validation, "test": problem.test}
    summary = {
        "format": FORMAT,
        "kind": "tuning",
        "fairfactor_version": fairfactor.__version__,
        "data": describe_data(
            tuning.task,
            tuning.groups,
            description,
            problem.feature_names,
            {
                name: Groups(part.groups.numpy(), problem.group_names).counts
                for name, part in parts.items()
            },
        ),
        "constraints": [
            {
                "text": str(constraint),
                "metric": METRIC_OF_NAME[constraint.on_accuracy.metric],
                "sign": constraint.on_accuracy.sign,
                "bound": constraint.on_accuracy.bound,
            }
            for constraint in tuning.constraints
        ],
        "confidence": tuning.confidence,
        "met": tuning.tuned.met if tuning.constraints else None,
        "tried": len(tuning.tuned.frontier),
        "chosen": chosen,
        "kept": describe_kept(tested[chosen]),
        "unmitigated": unmitigated,
        "points": points,
        "pretraining": [asdict(point) for point in problem.losses],
        "single_features": _single_features(tuning),
        "calibration": describe_calibration(_calibrations(tuning), len(problem.class_names)),
        "layers": {
            "unmitigated": [asdict(reading) for reading in read_unmitigated(problem)],
            "chosen": [asdict(reading) for reading in read_point(problem, chosen_point)],
        },
        "metrics": list(REPORTED_METRICS),
        "diagnosis": diagnose_tuning(tuning).to_json(),
        "findings": [asdict(finding) for finding in find_in_tuning(tuning, points[chosen])],
        "verdict": asdict(give_tuning_verdict(tuning, unmitigated, points[chosen])),
        "seconds": tuning.seconds,
        "environment": environment(),
    }
    return json_safe(summary)


def _kept_points(tuning: Tuning) -> dict[OperatingPoint, dict[str, bool]]:
    """The chosen point and, for each gap, an even choice from its validation frontier.

    Returns:
        For each kept point, by falling validation accuracy, whether it is on each gap's frontier.
    """
    chosen, frontier = tuning.tuned.chosen, tuning.tuned.frontier
    unbeaten = {
        metric: frontier.pareto(name).points
        for name, metric in FRONTIER_GAPS.items()
        if math.isfinite(chosen.metric(name))  # else validation rows cannot tell it of any point
    }
    kept = [chosen]
    for points in unbeaten.values():
        places = np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int)
        kept += [points[place] for place in places]
    ordered = sorted(dict.fromkeys(kept), key=lambda point: -point.metric("accuracy"))
    return {
        point: {metric: point in points for metric, points in unbeaten.items()} for point in ordered
    }


def _network_counts(problem: Problem, part: Part) -> ConfusionCounts:
    """What the unmitigated network decides."""
    return count_classes(problem, part, predict_classes(problem.backbone, part.inputs))


def _point(
    described: Mapping[str, Any], validation: ConfusionCounts, test: ConfusionCounts
) -> dict[str, Any]:
    """Describe one model by its counts on validation and test rows.

    Returns:
        The entry of ``metrics.json``.
    """
    return {
        **described,
        "validation": estimate_metrics(validation),
        "test": estimate_metrics(test),
        "groups": _group_rates(test),
    }


def _group_rates(counts: ConfusionCounts) -> list[dict[str, Any]]:
    """Rates of every group, each with its interval."""
    return [
        {
            "name": row.group,
            "count": row.count,
            "positives": row.positives,
            "selection_rate": asdict(row.selection_rate),
            "true_positive_rate": asdict(row.true_positive_rate),
            "false_positive_rate": asdict(row.false_positive_rate),
            "accuracy": asdict(row.accuracy),
            "confusion": _confusion(counts, code) if counts.n_classes == 2 else None,
        }
        for code, row in enumerate(group_table(counts, positive=counts.n_classes - 1))
    ]


def _single_features(tuning: Tuning) -> list[dict[str, Any]]:
    """Test rates by each of several sensitive features alone.

    Returns:
        One entry a feature with the groups of both models; none for a single feature.
    """
    problem, test = tuning.problem, tuning.problem.test
    features = feature_groups(tuning.task, problem.test_positions)
    if not features:
        return []
    point = tuning.tuned.chosen
    asked = (test.groups,) if point.groups_at_prediction else ()
    decided = {
        "before": predict_classes(problem.backbone, test.inputs),
        "after": point.decide(test.inputs, *asked).argmax(dim=1).numpy(),
    }
    labels, n_classes = test.labels.numpy(), len(problem.class_names)
    return [
        {
            "feature": feature,
            **{
                model: _group_rates(confusion_counts(labels, classes, groups, n_classes=n_classes))
                for model, classes in decided.items()
            },
        }
        for feature, groups in features.items()
    ]


def _calibrations(tuning: Tuning) -> dict[str, tuple[GroupCalibration, ...]]:
    """How the probabilities of both models come true on test rows."""
    problem, test = tuning.problem, tuning.problem.test
    groups = Groups(test.groups.numpy(), problem.group_names)
    said = {
        "before": predict_probabilities(problem.backbone, test.inputs).numpy(),
        "after": point_probabilities(tuning.tuned.chosen, test),
    }
    return {
        model: calibrate_groups(probabilities, test.labels.numpy(), groups)
        for model, probabilities in said.items()
    }


def _confusion(counts: ConfusionCounts, group: int) -> dict[str, int]:
    (true_negatives, false_positives), (false_negatives, true_positives) = counts.cells[group]
    return {
        "tp": int(true_positives),
        "fp": int(false_positives),
        "fn": int(false_negatives),
        "tn": int(true_negatives),
    }
