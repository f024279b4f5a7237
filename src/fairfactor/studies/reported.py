"""What the files of all studies have in common: metrics and their meaning, data, environment."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fairfactor.data.task import TableTask
from fairfactor.fairness import ConfusionCounts
from fairfactor.groups import Groups
from fairfactor.intervals import Estimate, bootstrap_gap_interval
from fairfactor.mitigation import Constraint

FORMAT = 1

REPORTED_METRICS: tuple[dict[str, Any], ...] = tuple(
    {"key": key, "label": label, "unit": unit, "lower_is_better": lower, "meaning": meaning}
    for key, label, unit, lower, meaning in (
        (
            "paper_error",
            "Err (100 − weighted F1)",
            "%",
            True,
            "The paper's error: 100 minus the F1 score averaged over classes by their size.",
        ),
        (
            "demographic_parity_difference",
            "Demographic parity difference",
            "",
            True,
            "How much more often one group gets the positive prediction than another.",
        ),
        (
            "equalized_odds_difference_sum",
            "Equalised odds difference (sum)",
            "",
            True,
            "The paper's ΔEO: the gap in true positive rates plus the gap in false positive rates.",
        ),
        (
            "equalized_odds_difference_worst_case",
            "Equalised odds difference (worst case)",
            "",
            True,
            "The larger of the gaps in true and in false positive rates.",
        ),
        (
            "equalized_odds_difference_mean",
            "Equalised odds difference (mean)",
            "",
            True,
            "The mean of the gaps in true and in false positive rates.",
        ),
        (
            "equal_opportunity_difference",
            "Equal opportunity difference",
            "",
            True,
            "The gap in true positive rates: among people who deserve it, who is found.",
        ),
        (
            "false_positive_rate_difference",
            "False positive rate difference",
            "",
            True,
            "The gap in false positive rates: among people who do not deserve it, who gets it.",
        ),
        ("accuracy", "Accuracy", "", False, "The share of people predicted rightly."),
        (
            "worst_group_accuracy",
            "Accuracy of the worst group",
            "",
            False,
            "The smallest accuracy of any group.",
        ),
    )
)


def estimate_metrics(counts: ConfusionCounts) -> dict[str, dict[str, float]]:
    """Every reported metric of one model with its 95 % bootstrap interval.

    Args:
        counts: What the model decides on some rows.

    Returns:
        ``value``, ``low`` and ``high`` by the key of the metric.
    """
    return {key: asdict(_interval(counts, key)) for key in (m["key"] for m in REPORTED_METRICS)}


def environment() -> dict[str, Any]:
    """Versions and the kind of machine, which small differences in numbers may come from.

    Returns:
        Python, torch, platform and threads.
    """
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
    }


def describe_data(
    task: TableTask,
    groups: Groups,
    description: Mapping[str, str],
    features: tuple[str, ...],
    parts: Mapping[str, NDArray[np.int64]],
) -> dict[str, Any]:
    """Describe a table by counts and names, without any of its rows.

    Args:
        task: The table and the parts of its columns.
        groups: Group of each row.
        description: Its name, licence, citation and what it is about.
        features: Names of the inputs of the network.
        parts: Rows of each group in each part of the split.

    Returns:
        JSON values.
    """
    labels = task.labels
    return {
        **description,
        "rows": len(task.frame),
        "splits": {part: int(sizes.sum()) for part, sizes in parts.items()},
        "target": task.target,
        "positive_class": task.class_names[-1],
        "sensitive_features": list(task.sensitive_columns),
        "features": list(features),
        "columns": [asdict(column) for column in task.plan],
        "groups": [
            {
                "name": name,
                **{part: int(sizes[code]) for part, sizes in parts.items()},
                "positive_rate": float(
                    np.mean(labels[groups.positions(name)] == len(task.class_names) - 1)
                ),
            }
            for code, name in enumerate(groups.names)
        ],
    }


def _interval(counts: ConfusionCounts, metric: str) -> Estimate:
    """Bootstrap interval; of an accuracy as that of the error, which noise pushes up as a gap."""
    if metric != "worst_group_accuracy":
        return bootstrap_gap_interval(counts, metric)
    error = bootstrap_gap_interval(counts, Constraint("worst_group_error", 1.0).value)
    return Estimate(1 - error.value, 1 - error.high, 1 - error.low)


def json_safe(content: Mapping[str, Any]) -> dict[str, Any]:
    """Write NaN and infinity, which JSON does not have, as null.

    Args:
        content: Nested mappings, lists and plain values.

    Returns:
        The same with lists for tuples.
    """
    return {key: _json_value(value) for key, value in content.items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return json_safe(value)
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
