"""Parts of a made-up ``metrics.json`` that runs of several kinds have."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

PLANNED = (
    ("income", "target", "is predicted", "category", 2),
    ("sex", "sensitive", "names the group; never an input", "category", 2),
    ("age", "input", "standardised", "number", 74),
    ("occupation", "input", "one input for each of 14 categories", "category", 14),
    ("relationship", "input", "one input for each of 6 categories", "category", 6),
    ("interview", "left out", "it holds dates or times; derive a number from it", "date", None),
)


def calibration(groups: Sequence[str], *, rows: int = 4000) -> dict[str, Any]:
    """Two models, the later one less calibrated."""
    return {
        "of_positive_class": True,
        "bins": 10,
        "fewest_rows": 10,
        "before": [_calibrated(name, rows // (i + 1), 0.01) for i, name in enumerate(groups)],
        "after": [_calibrated(name, rows // (i + 1), 0.04) for i, name in enumerate(groups)],
    }


def columns(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The plan of the columns."""
    planned = [*PLANNED, *((name, "input", "standardised", "number", 9) for name in names)]
    keys = ("name", "role", "action", "kind", "distinct")
    return [{**dict(zip(keys, row, strict=True)), "missing": 12} for row in planned]


def leakage(names: Sequence[str] = ()) -> dict[str, Any]:
    """What inputs give away."""
    inputs = ["relationship", "occupation", "age", *names]
    areas = [max(0.5, 0.93 * 0.88**place) for place in range(len(inputs))]
    group, target = (
        [{"column": name, "auc": auc} for name, auc in zip(names, areas, strict=True)]
        for names in (inputs, inputs[::-1])
    )
    return {
        "target": target,
        "group": group,
        "group_together": 0.94,
        "rows": 20000,
    }


def losses(source: random.Random, epochs: int = 8) -> dict[str, list[float]]:
    """Training goes down; validation turns up in the end."""
    noise = [source.gauss(0, 0.002) for _ in range(epochs + 1)]
    training = [0.34 + 0.05 * math.exp(-e / 2) + noise[e] for e in range(epochs + 1)]
    return {
        "training_losses": training,
        "validation_losses": [t + 0.004 + 0.0008 * e for e, t in enumerate(training)],
    }


def _calibrated(name: str, rows: int, lean: float) -> dict[str, Any]:
    bins = []
    for place in range(10):
        count = int(rows * 0.5 ** (place + 1))
        probability = (place + 0.5) / 10
        rate = min(1.0, max(0.0, probability - lean * (place - 3)))
        half = 1.96 * math.sqrt(rate * (1 - rate) / max(1, count))
        if count >= 10:
            interval = {"value": rate, "low": max(0.0, rate - half), "high": min(1.0, rate + half)}
            bins.append(
                {"place": place, "count": count, "probability": probability} | {"rate": interval}
            )
    shown = sum(one["count"] for one in bins)
    off = sum(one["count"] * abs(one["rate"]["value"] - one["probability"]) for one in bins)
    return {
        "name": name,
        "count": rows,
        "suppressed": rows - shown,
        "error": off / shown if shown else None,
        "error_by_chance": 0.4 / math.sqrt(max(1, shown)) if shown else None,
        "bins": bins,
    }
