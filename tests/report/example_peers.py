"""A made-up but realistic ``metrics.json`` of a comparison with peers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from tests.report.example import METRICS, example_metrics, interval_over_seeds
from tests.report.example_tuning import SPLITS

DP = "demographic_parity_difference"
EO = "equalized_odds_difference_worst_case"
# key, label, package, target, setting, groups at prediction, same backbone; accuracy and both gaps
PEERS = """
unmitigated | Unmitigated network | - | none | - | no | yes | 0.851 | 0.178 | 0.078
boosting | Gradient boosting | - | none | - | no | no | 0.868 | 0.182 | 0.081
eg-eo | Exponentiated gradient, EO | fairlearn | EO | eps 0.01 | no | no | 0.834 | 0.121 | 0.033
eg-dp | Exponentiated gradient, DP | fairlearn | DP | eps 0.01 | no | no | 0.829 | 0.018 | 0.212
to-eo | Threshold optimizer, EO | fairlearn | EO | grid 1000 | yes | yes | 0.832 | 0.094 | 0.024
to-dp | Threshold optimizer, DP | fairlearn | DP | grid 1000 | yes | yes | 0.834 | 0.009 | 0.231
fairret-eo | fairret, equalised odds | fairret | EO | weight 1 | no | yes | 0.838 | 0.138 | 0.041
fairret-dp | fairret, demographic parity | fairret | DP | weight 1 | no | yes | .831 | .021 | .204
fairgrad-eo | FairGrad, equalised odds | fairgrad | EO | eps 0.0 | no | yes | 0.837 | 0.134 | 0.036
penalty-eo | Gap penalty, EO | - | EO | weight 0.5 | no | yes | 0.836 | 0.127 | 0.035
""".strip().splitlines()
OURS = "ours-eo | fairfactor, EO within 0.05 | - | EO | - | no | yes | .846 | .131 | .036"
MISSING = (
    ("oxonfair", "OxonFair, equalised odds", "oxonfair", "not installed: pip install oxonfair"),
    ("aif360-eo", "AIF360 reject option", "aif360", "not supported: two groups only, not 5"),
)


def example_peers(
    *, seeds: int = 5, all_missing: bool = False, groups: Sequence[str] = ("Female", "Male")
) -> dict[str, Any]:
    """The contents of ``metrics.json``, the same on every call."""
    source = random.Random(5)
    rows = [_row(source, peer, seeds) for peer in PEERS]
    rows += [_missing(*peer) for peer in MISSING]
    if all_missing:
        reason = "not installed: pip install it"
        rows = [_missing(row["key"], row["label"], row["package"], reason) for row in rows]
    frontiers = [_frontier(source, metric, seeds) for metric in (DP, EO)]
    if not all_missing:
        rows.append(_row(source, OURS, seeds) | {"ours": True})
    data = example_metrics(groups=groups)["data"]
    data["splits"] = dict(SPLITS)
    for group in data["groups"]:
        del group["pretraining"]
        group |= {split: round(count / max(len(groups), 1)) for split, count in SPLITS.items()}
    return {
        "format": 1,
        "kind": "peers",
        "fairfactor_version": "0.1.0",
        "data": data,
        "metrics": [dict(metric) for metric in METRICS],
        "seeds": list(range(seeds)),
        "rows": rows,
        "frontiers": frontiers,
        "duels": [_duel(source, row, seeds) for row in rows if row["summary"] and not row["ours"]],
        "hypervolume": [
            {"key": key, "label": label, "metric": metric, "value": {"mean": area, "sd": 0.011}}
            for key, label, area in (("ours", "fairfactor", 0.71), ("fairret", "fairret", 0.62))
            for metric in (DP, EO)
        ],
        "findings": [
            {
                "severity": "warning",
                "code": "missing-peer",
                "text": "OxonFair is not installed, so it is a gap in the tables and not a loss.",
            }
        ],
        "verdict": {
            "headline": "More accurate than 7 of 10 methods at no larger a gap",
            "sentences": ["No peer was more accurate at a gap as small as ours, over 5 seeds."],
        },
        "seconds": {"problems": 61.2, "ours": 240.9, "peers": 812.4, "total": 1114.5},
        "environment": {"python": "3.11.7", "torch": "2.13.0", "threads": 2},
    }


def example_peers_config() -> dict[str, Any]:
    """The contents of ``config.json``."""
    return {
        "data": "adult",
        "sensitive": ["sex"],
        "peers": [peer.split(" | ")[0] for peer in PEERS],
        "seeds": 5,
    }


def _seed_rows(
    source: random.Random, accuracy: float, dp: float, eo: float, seeds: int
) -> list[dict[str, Any]]:
    rows = []
    for seed in range(seeds):
        gap, odds = abs(source.gauss(dp, 0.007)), abs(source.gauss(eo, 0.006))
        right = source.gauss(accuracy, 0.0025)
        rows.append(
            {
                "seed": seed,
                "accuracy": right,
                DP: gap,
                EO: odds,
                "equalized_odds_difference_mean": 0.7 * odds,
                "equalized_odds_difference_sum": 1.4 * odds,
                "equal_opportunity_difference": 0.8 * odds,
                "worst_group_accuracy": right - 0.035,
                "paper_error": 100 * (1 - right),
            }
        )
    return rows


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        metric["key"]: interval_over_seeds([row[metric["key"]] for row in rows])
        for metric in METRICS
    }


def _row(source: random.Random, peer: str, seeds: int) -> dict[str, Any]:
    key, label, package, target, setting, *flags = (field.strip() for field in peer.split("|"))
    groups_at_prediction, same_backbone = (flag == "yes" for flag in flags[:2])
    accuracy, dp, eo = (float(value) for value in flags[2:])
    rows = _seed_rows(source, accuracy, dp, eo, seeds)
    return {
        "key": key,
        "label": label,
        "ours": False,
        "package": None if package == "-" else package,
        "target": {"EO": "equalized_odds", "DP": "demographic_parity"}.get(target, target),
        "setting": None if setting == "-" else setting,
        "groups_at_prediction": groups_at_prediction,
        "same_backbone": same_backbone,
        "trained_parameters": 200130 if same_backbone else None,
        "seconds": {"mean": source.uniform(3, 90), "sd": 1.2},
        "missing": None,
        "summary": _summary(rows),
        "seeds": rows,
    }


def _missing(key: str, label: str, package: str | None, reason: str) -> dict[str, Any]:
    return {
        "key": key,
        "label": label,
        "ours": False,
        "package": package,
        "target": "equalized_odds",
        "setting": None,
        "groups_at_prediction": False,
        "same_backbone": True,
        "trained_parameters": None,
        "seconds": None,
        "missing": reason,
        "summary": None,
        "seeds": [],
    }


def _frontier(source: random.Random, metric: str, seeds: int) -> dict[str, Any]:
    widest = 0.178 if metric == DP else 0.078
    points = []
    for step in range(20):
        gap = widest * (1 - step / 20)
        accuracy = 0.852 - (0.016 if metric == DP else 0.009) * (step / 19) ** 2.5
        dp, eo = (gap, 0.08 + 0.1 * step / 20) if metric == DP else (0.178 - 0.004 * step, gap)
        points.append(
            {
                "bound": gap + 0.005,
                "summary": _summary(_seed_rows(source, accuracy, dp, eo, seeds)),
                "feasible_seeds": seeds if step < 17 else max(0, seeds - step + 16),
            }
        )
    return {"key": "ours", "label": "fairfactor", "metric": metric, "points": points}


def _duel(source: random.Random, row: dict[str, Any], seeds: int) -> dict[str, Any]:
    metric = DP if row["target"] == "demographic_parity" else EO
    lead = {"boosting": -0.014, "unmitigated": 0.0}.get(row["key"], 0.011)
    differences = [source.gauss(lead, 0.002) for _ in range(seeds)]
    accuracy = interval_over_seeds(differences) | {"p_value": 0.004 if seeds > 1 else None}
    gap = interval_over_seeds([source.gauss(-0.004, 0.003) for _ in range(seeds)])
    sure = accuracy["low"] is not None and (accuracy["low"] > 0 or accuracy["high"] < 0)
    outcome = ("ours better" if lead > 0 else "peer better") if sure else "no difference detected"
    reached = row["key"] != "to-dp"
    ours = {
        "accuracy": _mean(row["summary"]["accuracy"]["mean"] + fmean(differences)),
        metric: _mean(max(0.001, row["summary"][metric]["mean"] - 0.004)),
        "recipe_label": "Bayes rule, groups from inputs",
    }
    return {
        "peer": row["key"],
        "metric": metric,
        "bound": 0.04,
        "ours": ours if reached else None,
        "accuracy_difference": accuracy if reached else None,
        "gap_difference": gap if reached else None,
        "outcome": outcome if reached else "not reached",
    }


def _mean(value: float) -> dict[str, float | None]:
    return {"mean": value, "low": None, "high": None}
