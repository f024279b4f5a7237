"""Fairness from the rows themselves: one loop per definition, slow and obviously right."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

NAN = float("nan")


def share(rows: list[tuple[int, int]], event: Callable[[int, int], bool]) -> float:
    """Share of (true, predicted) rows for which the event holds; NaN of no rows."""
    return sum(event(*row) for row in rows) / len(rows) if rows else NAN


def rows_by_group(y_true, y_pred, codes) -> dict[int, list[tuple[int, int]]]:
    by_group: dict[int, list[tuple[int, int]]] = {}
    for true, predicted, code in zip(y_true, y_pred, codes, strict=True):
        if code >= 0:
            by_group.setdefault(int(code), []).append((int(true), int(predicted)))
    return by_group


def selection_rate(rows, positive: int) -> float:
    return share(rows, lambda true, predicted: predicted == positive)


def true_positive_rate(rows, positive: int) -> float:
    return share([row for row in rows if row[0] == positive], lambda true, pred: pred == positive)


def false_positive_rate(rows, positive: int) -> float:
    return share([row for row in rows if row[0] != positive], lambda true, pred: pred == positive)


def accuracy(rows) -> float:
    return share(rows, lambda true, predicted: true == predicted)


def largest_pairwise_difference(rates) -> float:
    """Largest |difference| of two defined rates; NaN if there are not two."""
    defined = [rate for rate in rates if rate == rate]
    return max((abs(a - b) for a, b in combinations(defined, 2)), default=NAN)


def metrics(y_true, y_pred, codes, n_classes: int) -> dict[str, float]:
    """Every gap and accuracy by name, with classes one against the rest."""
    by_group = rows_by_group(y_true, y_pred, codes)

    def gap(rate, positive: int) -> float:
        return largest_pairwise_difference([rate(rows, positive) for rows in by_group.values()])

    def largest(gaps) -> float:
        return max((value for value in gaps if value == value), default=NAN)

    judged = [1] if n_classes == 2 else range(n_classes)
    odds = [(gap(true_positive_rate, c), gap(false_positive_rate, c)) for c in judged]
    odds_or_nan = [pair if all(value == value for value in pair) else (NAN, NAN) for pair in odds]
    recall_gaps = [gap(true_positive_rate, c) for c in range(n_classes)]
    squares = [value**2 for value in recall_gaps if value == value]
    accuracies = [accuracy(rows) for rows in by_group.values()]
    everything = [row for rows in by_group.values() for row in rows]
    return {
        "accuracy": accuracy(everything),
        "error_rate": 1 - accuracy(everything),
        "demographic_parity_difference": largest(gap(selection_rate, c) for c in judged),
        "equal_opportunity_difference": largest(pair[0] for pair in odds),
        "false_positive_rate_difference": largest(pair[1] for pair in odds),
        "equalized_odds_difference_worst_case": largest(max(pair) for pair in odds_or_nan),
        "equalized_odds_difference_mean": largest(sum(pair) / 2 for pair in odds_or_nan),
        "equalized_odds_difference_sum": largest(sum(pair) for pair in odds_or_nan),
        "accuracy_difference": largest_pairwise_difference(accuracies),
        "rms_true_positive_rate_difference": np.sqrt(np.mean(squares)) if squares else NAN,
        "worst_group_accuracy": min(accuracies),
    }


def row_bootstrap(y_true, y_pred, codes, metric, replicates: int, seed: int) -> np.ndarray:
    """Replicates of metric(y_true, y_pred, codes) over rows drawn with replacement."""
    generator = np.random.default_rng(seed)
    n = len(y_true)
    draws = (generator.integers(0, n, n) for _ in range(replicates))
    return np.array([metric(y_true[rows], y_pred[rows], codes[rows]) for rows in draws])
