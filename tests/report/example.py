"""A made-up but realistic ``metrics.json`` of any size, to develop and test the report with."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from tests.report.example_parts import calibration, columns, leakage, losses

METRICS: list[dict[str, Any]] = [
    {
        "key": "paper_error",
        "label": "Err (100 − weighted F1)",
        "unit": "%",
        "lower_is_better": True,
        "meaning": "How far the class-weighted F1 score is from 100 %.",
    },
    {
        "key": "accuracy",
        "label": "Accuracy",
        "unit": "",
        "lower_is_better": False,
        "meaning": "Share of rows predicted right.",
    },
    {
        "key": "demographic_parity_difference",
        "label": "Demographic parity difference",
        "unit": "",
        "lower_is_better": True,
        "meaning": "Largest gap between groups in how often the positive class is predicted.",
    },
    {
        "key": "equalized_odds_difference_worst_case",
        "label": "Equalised odds difference (worst case)",
        "unit": "",
        "lower_is_better": True,
        "meaning": "The larger of the gaps in true and in false positive rates.",
    },
    {
        "key": "equalized_odds_difference_mean",
        "label": "Equalised odds difference (mean)",
        "unit": "",
        "lower_is_better": True,
        "meaning": "The mean of the gaps in true and in false positive rates.",
    },
    {
        "key": "equalized_odds_difference_sum",
        "label": "Equalised odds difference (sum)",
        "unit": "",
        "lower_is_better": True,
        "meaning": "The gaps in true and in false positive rates added up, as in the paper.",
    },
    {
        "key": "equal_opportunity_difference",
        "label": "Equal opportunity difference",
        "unit": "",
        "lower_is_better": True,
        "meaning": "Largest gap between groups in true positive rates.",
    },
    {
        "key": "worst_group_accuracy",
        "label": "Worst group accuracy",
        "unit": "",
        "lower_is_better": False,
        "meaning": "Accuracy of the group that is predicted right least often.",
    },
]
CENTRES = dict(
    zip(
        (metric["key"] for metric in METRICS),
        (16.4, 0.838, 0.182, 0.112, 0.101, 0.203, 0.096, 0.802),
        strict=True,
    )
)
FEATURES = """age workclass fnlwgt education education-num marital-status occupation relationship
race capital-gain capital-loss hours-per-week native-country""".split()  # noqa: SIM905
METHODS: tuple[tuple[str, str, tuple[int | None, ...]], ...] = (
    ("pretrained", "Pre-trained, untouched", (None,)),
    ("head-tuning", "Head tuning (TL)", (None,)),
    ("plain-svd", "Plain SVD (f+SVD)", (1, 2)),
    ("pooled-fisher-svd", "Pooled-Fisher SVD (control)", (1, 2)),
    ("neutralized", "Neutralised SVD (the paper)", (1, 2)),
)
REFERENCES = ("head-tuning", "plain-svd")


def example_metrics(
    *,
    seeds: int = 10,
    groups: Sequence[str] = ("Female", "Male"),
    methods: int | None = None,
    inputs: int = 20,
) -> dict[str, Any]:
    """The contents of ``metrics.json``, the same on every call."""
    source = random.Random(7)
    variants = [(name, label, rank) for name, label, ranks in METHODS for rank in ranks]
    if methods is not None:
        variants = [
            (f"method-{i}", f"Variant {i} of a method with a rather long name", 1 + i % 3)
            if i >= len(variants)
            else variants[i]
            for i in range(methods)
        ]
    results = [_method(source, name, label, rank, seeds, groups) for name, label, rank in variants]
    _add_differences(results)
    return {
        "format": 1,
        "fairfactor_version": "0.1.0",
        "data": _data(source, groups),
        "calibration": calibration(groups),
        "reference_methods": list(REFERENCES),
        "methods": results,
        "metrics": [dict(metric) for metric in METRICS],
        "importance": _importance(source, groups, inputs),
        "findings": [
            {
                "severity": "warning",
                "code": "full-rank",
                "text": "At rank 2 the factors of a 20 × 2 layer reproduce it exactly, whatever "
                "the weighting. Any difference between the methods at rank 2 comes from training "
                "alone.",
            },
            {
                "severity": "note",
                "code": "more-parameters",
                "text": "Rank 2 has 46 parameters where the whole layer has 42: factors of a "
                "2-class head save parameters at rank 1 only.",
            },
        ],
        "verdict": {
            "headline": "No difference detected between the paper’s method and plain SVD at rank 2",
            "sentences": [
                (
                    "Over 10 seeds the neutralised factors changed the demographic parity "
                    "difference by −0.004 (95 % interval −0.011 to 0.003) and the error by −0.05 "
                    "points (−0.17 to 0.07) compared with plain SVD of the same rank."
                ),
                "The published gaps of 0.168 and 0.197 lie inside the range of the seeds.",
            ],
        },
        "seconds": {
            "data": 0.61,
            "pretraining": 14.2,
            "features": 0.08,
            "fisher": 0.11,
            "factorize": 0.02,
            "finetune": 21.7,
            "evaluate": 0.94,
            "total": 38.1,
        },
        "environment": {
            "python": "3.11.7",
            "torch": "2.13.0",
            "platform": "Linux x86_64",
            "threads": 2,
        },
    }


def with_single_features(metrics: dict[str, Any]) -> dict[str, Any]:
    """The same with two sensitive features, whose intersections are the groups."""
    source = random.Random(3)
    metrics["data"]["sensitive_features"] = ["sex", "race"]
    for method in metrics["methods"]:
        method["single_features"] = [
            {"feature": feature, "groups": [_rates(source, n, i, 1.0) for i, n in enumerate(names)]}
            for feature, names in (("sex", ("Female", "Male")), ("race", ("Black", "White")))
        ]
    return metrics


def example_config() -> dict[str, Any]:
    """The contents of ``config.json``."""
    return {
        "data": "adult",
        "rows": "complete",
        "encoding": "label",
        "sensitive": ["sex"],
        "minimum_group_size": 0,
        "hidden": [20, 20],
        "method": [name for name, _, _ in METHODS],
        "rank": [1, 2],
        "alpha": None,
        "seeds": 10,
        "first_seed": 0,
        "pretraining_epochs": 15,
        "pretraining_rate": 0.01,
        "epochs": 8,
        "learning_rates": [0.1, 0.01, 0.001],
        "batch_size": 256,
    }


def _method(
    source: random.Random,
    name: str,
    label: str,
    rank: int | None,
    seeds: int,
    groups: Sequence[str],
) -> dict[str, Any]:
    shift = {"pretrained": 1.05, "neutralized": 0.95}.get(name, source.uniform(0.97, 1.03))
    noise = 0.015 if name == "pretrained" else 0.05
    rows = []
    for seed in range(seeds):
        row: dict[str, Any] = {"seed": seed}
        for key, centre in CENTRES.items():
            gap = "difference" in key
            row[key] = centre * (shift if gap else 1) * source.gauss(1, noise if gap else 0.01)
        rows.append(row)
    factored = rank is not None
    return {
        "id": f"{name}-rank-{rank}" if factored else name,
        "method": name,
        "rank": rank,
        "label": f"{label}, rank {rank}" if factored else label,
        "trained_parameters": 0 if name == "pretrained" else 2 + 22 * rank if factored else 42,
        "total_parameters": 702 + 22 * rank if factored else 742,
        "summary": {key: interval_over_seeds([row[key] for row in rows]) for key in CENTRES},
        "differences": {},
        "groups": [_rates(source, group, i, shift) for i, group in enumerate(groups)],
        "single_features": [],
        "replacement": {
            "relative_weight_change": (
                {"mean": 0.061, "max": 0.134} if rank == 1 else {"mean": 2.1e-8, "max": 6.4e-8}
            ),
            "parameters_before": 42,
            "parameters_after": 2 + 22 * rank,
            "break_even_rank": 1,
        }
        if factored
        else None,
        "tuning": []
        if name == "pretrained"
        else [
            {
                "seed": seed,
                "learning_rate": source.choice([0.1, 0.01, 0.001]),
                "epoch": source.randint(2, 8),
                "validation_loss": source.uniform(0.325, 0.345),
                "candidates": 3,
                **losses(source),
            }
            for seed in range(seeds)
        ],
        "seeds": rows,
        "seconds": source.uniform(1.5, 3.5),
    }


def interval_over_seeds(values: Sequence[float]) -> dict[str, float | None]:
    """A mean with its 95 % interval, which one seed does not have."""
    n = len(values)
    if n < 2:
        return {"mean": fmean(values), "sd": None, "low": None, "high": None, "n": n}
    spread = stdev(values)
    half = 2.26 * spread / math.sqrt(n)
    mean = fmean(values)
    return {"mean": mean, "sd": spread, "low": mean - half, "high": mean + half, "n": n}


def _add_differences(results: list[dict[str, Any]]) -> None:
    for reference in REFERENCES:
        candidates = [r for r in results if r["method"] == reference]
        for result in results:
            same = [c for c in candidates if c["rank"] in {None, result["rank"]}]
            if not same or result["method"] == reference:
                continue
            estimates = {}
            for key in CENTRES:
                pairs = zip(result["seeds"], same[0]["seeds"], strict=True)
                estimate = interval_over_seeds([0.6 * (a[key] - b[key]) for a, b in pairs])
                del estimate["sd"]
                estimate["p_value"] = _p_value(estimate)
                estimates[key] = estimate
            result["differences"][reference] = estimates


def _p_value(estimate: dict[str, Any]) -> float | None:
    if estimate["low"] is None:
        return None
    standard_error = (estimate["high"] - estimate["low"]) / 2 / 2.26
    return math.erfc(abs(estimate["mean"]) / standard_error / math.sqrt(2))


def _rates(source: random.Random, group: str, index: int, shift: float) -> dict[str, Any]:
    def interval(mean: float) -> dict[str, float]:
        half = source.uniform(0.006, 0.02)
        return {"mean": mean, "low": mean - half, "high": mean + half}

    wave = math.sin(index)
    return {
        "name": group,
        "count": 2187.0 if index == 0 else 4573.4,
        "selection_rate": interval(0.085 * shift + 0.19 * abs(wave)),
        "true_positive_rate": interval(0.52 + 0.1 * abs(wave)),
        "false_positive_rate": interval(0.025 + 0.08 * abs(wave)),
        "accuracy": interval(0.925 - 0.13 * abs(wave)),
    }


def _data(source: random.Random, groups: Sequence[str]) -> dict[str, Any]:
    splits = {"pretraining": 27133, "train": 8052, "validation": 3277, "test": 6760}
    shares = [0.324, 0.676] if len(groups) == 2 else [1 / max(len(groups), 1)] * len(groups)
    return {
        "name": "Adult",
        "description": "Persons in the 1994 US census database, with whether they earned more "
        "than 50,000 dollars a year. Rows with missing values are left out.",
        "licence": "CC BY 4.0",
        "citation": "Becker, B. and Kohavi, R. (1996). Adult. UCI Machine Learning Repository. "
        "https://doi.org/10.24432/C5XW20",
        "rows": 45222,
        "splits": splits,
        "target": "income",
        "positive_class": ">50K",
        "sensitive_features": ["sex"],
        "features": list(FEATURES),
        "columns": columns(),
        "leakage": leakage(),
        "groups": [
            {
                "name": name,
                **{split: round(rows * share) for split, rows in splits.items()},
                "positive_rate": 0.114 if index == 0 else 0.314,
            }
            for index, (name, share) in enumerate(zip(groups, shares, strict=True))
        ],
    }


def _importance(source: random.Random, groups: Sequence[str], inputs: int) -> dict[str, Any]:
    base = [0.0 if i in {3, 11} else source.lognormvariate(-7.6, 0.9) for i in range(inputs)]
    rows = [
        [value * (1 + 1.8 * (index % 2)) * source.uniform(0.75, 1.25) for value in base]
        for index in range(len(groups))
    ]
    return {
        "layer": "head",
        "groups": list(groups),
        "row_importance": rows,
        "neutralized": [fmean(math.sqrt(v) for v in column) for column in zip(*rows, strict=True)],
        "correlation": 0.86 if len(groups) > 1 else None,
        "scale_ratio": 2.8 if len(groups) > 1 else None,
        "zero_rows": 2,
        "seed": 0,
    }
