"""A made-up but consistent ``metrics.json`` of a tuning of any size."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from tests.report.example import METRICS, example_metrics
from tests.report.example_parts import calibration

RECIPES = (
    ("late-features", "Bayes rule, groups from late features", 0.75, 0.05),
    ("input-features", "Bayes rule, groups from inputs", 1.0, 0.085),
    ("low-rank", "Bayes rule on tuned low-rank factors", 0.95, 0.06),
)
GAPS = (
    "demographic_parity_difference",
    "equalized_odds_difference_worst_case",
    "equalized_odds_difference_mean",
    "equalized_odds_difference_sum",
    "equal_opportunity_difference",
)
SPLITS = {"train": 18088, "validation": 13566, "test": 13568}


def example_tuning(
    *,
    points: int = 60,
    groups: Sequence[str] = ("Female", "Male"),
    constraints: Sequence[str] = ("equalized_odds<=0.05",),
    met: bool = True,
) -> dict[str, Any]:
    """The contents of ``metrics.json``, the same on every call."""
    source = random.Random(11)
    made = [
        _point(source, groups, index % len(RECIPES), index // len(RECIPES), points)
        for index in range(points)
    ]
    made.sort(key=lambda point: -point["validation"]["accuracy"]["value"])
    for point in made:
        point["on_frontier"] = {gap: not _is_beaten(point, made, gap) for gap in GAPS}
    asked = [_constraint(text) for text in constraints]
    chosen = _choice(made, asked) if made else None
    if chosen is not None and met:
        made[chosen]["model"] = "model"
    data = example_metrics(groups=groups)["data"]
    data["splits"] = dict(SPLITS)
    for group in data["groups"]:
        del group["pretraining"]
        group |= {split: round(rows / max(len(groups), 1)) for split, rows in SPLITS.items()}
    return {
        "format": 1,
        "kind": "tuning",
        "fairfactor_version": "0.1.0",
        "data": data,
        "metrics": [dict(metric) for metric in METRICS],
        "constraints": asked,
        "confidence": 0.95,
        "met": met if asked else None,
        "chosen": chosen,
        "unmitigated": _point(source, groups, None, 0, points),
        "points": made,
        "single_features": [],
        "calibration": calibration(groups),
        "layers": {
            network: [
                {
                    "layer": prefix + layer,
                    "width": width,
                    "readability": [
                        base - drop - 0.02 * index for index in range(max(len(groups), 1))
                    ],
                    "shares": shares,
                }
                for layer, width, base, shares in (
                    ("hidden1", 101, 0.95, [0.4, 0.2, 0.1]),
                    ("hidden2", 512, 0.9, [0.7, 0.1, 0.05]),
                    ("decision", 1, 0.72, []),
                )
                for prefix in ["trunk." if drop and layer != "decision" else ""]
            ]
            for network, drop in (("unmitigated", 0.0), ("chosen", 0.08))
        },
        "findings": [
            {
                "severity": "note",
                "code": "many-points",
                "text": f"The choice is the best of {points} points on the same validation rows.",
            }
        ],
        "verdict": {
            "headline": (
                "Met: equalised odds within 0.05, for 0.6 points of accuracy"
                if met
                else "Not met: the nearest reachable equalised odds gap is 0.062"
            ),
            "sentences": [
                "On the validation rows the chosen point keeps the bound in 95 % of resamples.",
                "On the test rows the gap fell from 0.081 to 0.043 (0.029 to 0.058).",
            ],
        },
        "seconds": {"data": 0.9, "pretraining": 21.4, "recipes": 48.1, "total": 72.2},
        "environment": {"python": "3.11.7", "torch": "2.13.0", "threads": 2},
    }


def with_single_features(metrics: dict[str, Any]) -> dict[str, Any]:
    """The same with two sensitive features, whose intersections are the groups."""
    source = random.Random(3)
    metrics["data"]["sensitive_features"] = ["sex", "race"]
    metrics["single_features"] = [
        {
            "feature": feature,
            "before": _outcomes(source, names, 0.0, 0.0, 2000),
            "after": _outcomes(source, names, 0.8, 0.05, 2000),
        }
        for feature, names in (("sex", ("Female", "Male")), ("race", ("Black", "White")))
    ]
    return metrics


def example_tuning_config() -> dict[str, Any]:
    """The contents of ``config.json``."""
    return {
        "data": "adult",
        "sensitive": ["sex"],
        "constraint": ["equalized_odds<=0.05"],
        "confidence": 0.95,
        "recipes": [name for name, *_ in RECIPES],
        "seed": 0,
    }


def _constraint(text: str) -> dict[str, Any]:
    sign = ">=" if ">=" in text else "<="
    name, bound = text.split(sign)
    metric = {
        "equalized_odds": "equalized_odds_difference_worst_case",
        "demographic_parity": "demographic_parity_difference",
    }.get(name, name)
    return {"text": text, "metric": metric, "sign": sign, "bound": float(bound)}


def _choice(points: Sequence[dict[str, Any]], asked: Sequence[dict[str, Any]]) -> int:
    def excess(index: int) -> float:
        values = points[index]["validation"]
        sign = {"<=": 1, ">=": -1}
        return max(
            (sign[c["sign"]] * (values[c["metric"]]["value"] - c["bound"]) for c in asked),
            default=0.0,
        )

    return min(range(len(points)), key=lambda index: (max(0.0, excess(index)), index))


def _is_beaten(point: dict[str, Any], points: Sequence[dict[str, Any]], gap: str) -> bool:
    def place(candidate: dict[str, Any]) -> tuple[float, float]:
        values = candidate["validation"]
        return values[gap]["value"], -values["accuracy"]["value"]

    here = place(point)
    return any(
        place(other) != here and all(a <= b for a, b in zip(place(other), here, strict=True))
        for other in points
    )


def _point(
    source: random.Random, groups: Sequence[str], recipe: int | None, step: int, points: int
) -> dict[str, Any]:
    name, label, reach, cost = (
        RECIPES[recipe] if recipe is not None else ("none", "Unmitigated", 0, 0)
    )
    strength = step / max(1, points // len(RECIPES) - 1) if recipe is not None else 0.0
    measured = {
        split: _outcomes(source, groups, strength * reach, cost, SPLITS[split])
        for split in ("validation", "test")
    }
    return {
        "id": f"{name}-{step}",
        "recipe": name,
        "recipe_label": label,
        "setting": f"tolerance {0.2 * (1 - strength):.3f}",
        "trained_parameters": 0 if recipe is None else 1284 + 5000 * recipe,
        "total_parameters": 201414,
        "groups_at_prediction": False,
        "on_frontier": {},
        "validation": _metrics(measured["validation"]),
        "test": _metrics(measured["test"]),
        "groups": measured["test"],
        "model": None,
    }


def _outcomes(
    source: random.Random, groups: Sequence[str], shift: float, cost: float, rows: int
) -> list[dict[str, Any]]:
    outcomes = []
    for index, name in enumerate(groups):
        count = round(rows * (0.324 if index == 0 else 0.676 / max(1, len(groups) - 1)))
        positives = round(count * (0.114 if index == 0 else 0.314))
        wave = abs(math.sin(index)) / 0.85
        loss = cost * shift**2
        start, aim = (0.54 + 0.1 * wave, 0.6), (0.025 + 0.075 * wave, 0.05 + 0.03 * shift)
        rate = start[0] + shift * (start[1] - start[0]) - loss
        alarms = aim[0] + shift * (aim[1] - aim[0]) + loss / 3
        tp = round(positives * source.gauss(rate, 0.006))
        fp = round((count - positives) * max(0.0, source.gauss(alarms, 0.002)))
        fn, tn = positives - tp, count - positives - fp
        outcomes.append(
            {
                "name": name,
                "count": count,
                "positives": positives,
                "selection_rate": _wilson(tp + fp, count),
                "true_positive_rate": _wilson(tp, positives),
                "false_positive_rate": _wilson(fp, count - positives),
                "accuracy": _wilson(tp + tn, count),
                "confusion": {"tp": tp, "fp": fp, "fn": fn, "tn": tn},
            }
        )
    return outcomes


def _wilson(hits: int, rows: int) -> dict[str, float]:
    share, z = hits / rows, 1.96
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows**2)) / (1 + z * z / rows)
    return {"value": share, "low": centre - half, "high": centre + half}


def _metrics(outcomes: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    def gap(rate: str) -> float:
        values = [group[rate]["value"] for group in outcomes]
        return max(values) - min(values)

    right = sum(group["confusion"]["tp"] + group["confusion"]["tn"] for group in outcomes)
    accuracy = right / sum(group["count"] for group in outcomes)
    true, false = gap("true_positive_rate"), gap("false_positive_rate")
    values = {
        "accuracy": (accuracy, 0.006),
        "demographic_parity_difference": (gap("selection_rate"), 0.012),
        "equalized_odds_difference_worst_case": (max(true, false), 0.016),
        "equalized_odds_difference_mean": ((true + false) / 2, 0.01),
        "equalized_odds_difference_sum": (true + false, 0.02),
        "equal_opportunity_difference": (true, 0.025),
        "worst_group_accuracy": (min(g["accuracy"]["value"] for g in outcomes), 0.008),
        "paper_error": (100 * (1 - accuracy), 0.6),
    }
    return {
        key: {"value": value, "low": max(0.0, value - half), "high": value + half}
        for key, (value, half) in values.items()
    }
