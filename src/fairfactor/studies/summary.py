"""The content of ``metrics.json``: all that the report, the tables and machines read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

import fairfactor
from fairfactor.data.sources import describe
from fairfactor.diagnosis import group_overlaps
from fairfactor.fairness import ConfusionCounts
from fairfactor.intervals import Interval, mean_interval
from fairfactor.methods import METHODS
from fairfactor.neutralization import neutralize
from fairfactor.studies.calibration import describe_calibration
from fairfactor.studies.comparison import Comparison
from fairfactor.studies.findings import find
from fairfactor.studies.gate import describe_kept
from fairfactor.studies.reported import (
    FORMAT,
    REPORTED_METRICS,
    describe_data,
    environment,
    json_safe,
)
from fairfactor.studies.seed_run import Cell, Outcome
from fairfactor.studies.verdict import (
    REFERENCES,
    difference,
    give_verdict,
    reference_cells,
)


def summarize(comparison: Comparison) -> dict[str, Any]:
    """Everything about a comparison as JSON values, without any row of the data.

    Args:
        comparison: A finished comparison.

    Returns:
        The content of ``metrics.json``; what is undefined is ``None``.
    """
    first = comparison.runs[0]
    summary = {
        "format": FORMAT,
        "kind": "methods",
        "fairfactor_version": fairfactor.__version__,
        "data": describe_data(
            comparison.task,
            comparison.groups,
            describe(comparison.config.data),
            first.tuned.encoder.feature_names,
            first.group_sizes,
        ),
        "reference_methods": list(REFERENCES),
        "methods": [_method(comparison, cell) for cell in comparison.cells],
        "kept": describe_kept(first.outcomes[-1].counts),
        "metrics": list(REPORTED_METRICS),
        "importance": _importance(comparison),
        "calibration": describe_calibration(first.calibration, len(comparison.task.class_names)),
        "diagnosis": None if first.diagnosis is None else first.diagnosis.to_json(),
        "findings": [asdict(finding) for finding in find(comparison)],
        "verdict": asdict(give_verdict(comparison)),
        "seconds": comparison.seconds,
        "environment": environment(),
    }
    return json_safe(summary)


def cell_id(cell: Cell) -> str:
    """Name of a cell for machines.

    Args:
        cell: Method and rank.

    Returns:
        ``method`` or ``method-rank-r``.
    """
    return cell[0] if cell[1] is None else f"{cell[0]}-rank-{cell[1]}"


def _method(comparison: Comparison, cell: Cell) -> dict[str, Any]:
    outcomes = [outcome for outcome in comparison.outcomes if outcome.cell == cell]
    method = METHODS[cell[0]]
    keys = [metric["key"] for metric in REPORTED_METRICS]
    return {
        "id": cell_id(cell),
        "method": cell[0],
        "rank": cell[1],
        "label": method.label if cell[1] is None else f"{method.label}, rank {cell[1]}",
        "trained_parameters": outcomes[0].parameters.trained if method.trained else 0,
        "total_parameters": outcomes[0].parameters.total,
        "summary": {key: _over_seeds(comparison.values(cell, key)) for key in keys},
        "differences": {
            reference[0]: {
                key: _interval(difference(comparison, cell, reference, key)) for key in keys
            }
            for reference in reference_cells(comparison, cell)
        },
        "groups": _groups([outcome.counts for outcome in outcomes]),
        "single_features": [
            {
                "feature": feature,
                "groups": _groups([outcome.feature_counts[feature] for outcome in outcomes]),
            }
            for feature in outcomes[0].feature_counts
        ],
        "replacement": _replacement(outcomes),
        "tuning": [
            {
                "seed": outcome.seed,
                "learning_rate": outcome.history.learning_rate,
                "epoch": outcome.history.best_epoch,
                "validation_loss": outcome.history.validation_loss[outcome.history.best_epoch],
                "candidates": outcome.history.candidates,
                "training_losses": list(outcome.history.training_loss),
                "validation_losses": list(outcome.history.validation_loss),
            }
            for outcome in outcomes
            if outcome.history
        ],
        "seeds": [
            {"seed": outcome.seed, **{key: outcome.metrics[key] for key in keys}}
            for outcome in outcomes
        ],
        "seconds": sum(outcome.seconds for outcome in outcomes),
    }


def _groups(seeds: list[ConfusionCounts]) -> list[dict[str, Any]]:
    """Rates of each group on test rows, their mean over seeds with its interval."""
    rates = {
        "selection_rate": [counts.selection_rates[:, -1] for counts in seeds],
        "true_positive_rate": [counts.true_positive_rates[:, -1] for counts in seeds],
        "false_positive_rate": [counts.false_positive_rates[:, -1] for counts in seeds],
        "accuracy": [counts.accuracies for counts in seeds],
    }
    return [
        {
            "name": name,
            "count": float(np.mean([counts.sizes[code] for counts in seeds])),
            **{
                rate: _over_seeds(of_seed[code] for of_seed in of_seeds)
                for rate, of_seeds in rates.items()
            },
        }
        for code, name in enumerate(seeds[0].group_names)
    ]


def _replacement(outcomes: list[Outcome]) -> dict[str, Any] | None:
    reports = [outcome.replacement for outcome in outcomes if outcome.replacement]
    if not reports:
        return None
    changes = [report.relative_change for report in reports]
    return {
        "relative_weight_change": {"mean": float(np.mean(changes)), "max": max(changes)},
        "parameters_before": reports[0].parameters_before,
        "parameters_after": reports[0].parameters_after,
        "break_even_rank": reports[0].break_even_rank,
    }


def _importance(comparison: Comparison) -> dict[str, Any]:
    """Group Fisher of the last layer on the first seed: the paper's Figure 3."""
    fisher = comparison.runs[0].fisher
    rows = fisher.row_importance
    means = rows.mean(1)
    neutral = neutralize(rows, alpha=comparison.config.alpha)
    overlaps = group_overlaps(fisher)
    correlations = [overlap.correlation for overlap in overlaps]
    return {
        "layer": "head",
        "seed": comparison.config.first_seed,
        "groups": list(comparison.groups.names),
        "row_importance": rows.tolist(),
        "neutralized": neutral.tolist(),
        "correlation": min(correlations) if all(map(math.isfinite, correlations)) else None,
        "scale_ratio": float(means.max() / means.min()) if float(means.min()) > 0 else None,
        "zero_rows": int((rows.sum(0) == 0).sum()),
        "overlaps": [asdict(overlap) for overlap in overlaps],
    }


def _over_seeds(numbers: Iterable[float]) -> dict[str, Any] | None:
    """Mean over the seeds on which a value is defined."""
    defined = [float(number) for number in numbers if math.isfinite(number)]
    return _interval(mean_interval(defined) if defined else None)


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    return None if interval is None else asdict(interval)
