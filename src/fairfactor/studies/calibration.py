"""Whether predicted probabilities come true in each group, as bins and never as rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairfactor.fairness import Array
from fairfactor.groups import Groups
from fairfactor.intervals import Estimate, wilson_interval
from fairfactor.mitigation import OperatingPoint
from fairfactor.mitigation.cell_model import cell_probabilities
from fairfactor.mitigation.decisions import known_group
from fairfactor.part import Part

BINS = 10
"""Bins of equal width from 0 to 1."""

FEWEST_ROWS = 10
"""Rows that a bin needs to be written down: fewer could tell about single people."""


@dataclass(frozen=True)
class CalibrationBin:
    """Rows of a group with probabilities that are nearly the same.

    Attributes:
        place: Which bin, from 0: its probabilities are from place / `BINS` to (place + 1) / `BINS`.
        count: How many rows.
        probability: Their mean probability of the event.
        rate: How often the event happened, with its Wilson interval.
    """

    place: int
    count: int
    probability: float
    rate: Estimate


@dataclass(frozen=True)
class GroupCalibration:
    """The calibration of a model in one group.

    Attributes:
        name: The group.
        count: Its rows.
        suppressed: Rows in bins of fewer than `FEWEST_ROWS` rows, which are left out.
        error: Expected calibration error Σ_b n_b |rate_b − probability_b| / Σ_b n_b over the bins
            here (Naeini et al. 2015); NaN without any.
        error_by_chance: What it is on average for a model whose probabilities are right, because
            so few rows never match them exactly.
        bins: The bins with enough rows, by rising probability.
    """

    name: str
    count: int
    suppressed: int
    error: float
    error_by_chance: float
    bins: tuple[CalibrationBin, ...]


def calibrate_groups(
    probabilities: Array, labels: NDArray[np.int64], groups: Groups
) -> tuple[GroupCalibration, ...]:
    """Compare the probability of an event with how often it happens, in each group.

    For two classes the event is "of the positive class"; for more it is "of the predicted class",
    the most probable one. Bins are those of `sklearn.calibration.calibration_curve`.

    Args:
        probabilities: p(y | x), (rows × classes).
        labels: Class codes, (rows,).
        groups: Group of each row.

    Returns:
        One entry for each group.
    """
    if probabilities.shape[1] == 2:
        predicted, happened = probabilities[:, 1], labels == 1
    else:
        predicted, happened = probabilities.max(axis=1), labels == probabilities.argmax(axis=1)
    predicted = np.clip(predicted.astype(np.float64), 0.0, 1.0)
    places = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], predicted)
    return tuple(
        _calibrate(name, places[own], predicted[own], happened[own])
        for name in groups.names
        for own in [groups.positions(name)]
    )


def point_probabilities(point: OperatingPoint, part: Part) -> Array:
    """What the network of an operating point says before its rule decides.

    Args:
        point: The point.
        part: The rows.

    Returns:
        p(y | x), or p(y | x, s) for a point that asks for the group, (rows × classes).
    """
    cells = cell_probabilities(point.cell_model, part.inputs)
    if point.groups_at_prediction:
        cells = known_group(cells, part.groups)
    classes: Array = cells.sum(dim=2).numpy()
    return classes


def describe_calibration(
    models: Mapping[str, Sequence[GroupCalibration]], n_classes: int
) -> dict[str, Any]:
    """Write calibrations down.

    Args:
        models: Those of the models "before" and "after".
        n_classes: Number of classes.

    Returns:
        JSON values.
    """
    return {
        "of_positive_class": n_classes == 2,
        "bins": BINS,
        "fewest_rows": FEWEST_ROWS,
        **{name: [asdict(group) for group in groups] for name, groups in models.items()},
    }


def _calibrate(
    name: str, places: NDArray[np.int64], predicted: Array, happened: NDArray[np.bool_]
) -> GroupCalibration:
    bins = [
        CalibrationBin(
            place=int(place),
            count=int(own.sum()),
            probability=float(predicted[own].mean()),
            rate=wilson_interval(int(happened[own].sum()), int(own.sum())),
        )
        for place in np.flatnonzero(np.bincount(places, minlength=BINS) >= FEWEST_ROWS)
        for own in [places == place]
    ]
    shown = sum(one.count for one in bins)
    distance = sum(one.count * abs(one.rate.value - one.probability) for one in bins)
    chance = sum(_mean_deviation(one.count, one.probability) for one in bins)
    return GroupCalibration(
        name=name,
        count=len(places),
        suppressed=len(places) - shown,
        error=distance / shown if shown else math.nan,
        error_by_chance=chance / shown if shown else math.nan,
        bins=tuple(bins),
    )


def _mean_deviation(trials: int, probability: float) -> float:
    """E|X − np| = 2 k (1 − p) P(X = k) of a binomial X, with k = ⌊np⌋ + 1 (De Moivre 1730)."""
    if not 0 < probability < 1:
        return 0.0
    k = min(math.floor(trials * probability) + 1, trials)
    # By hand: to import scipy.stats takes longer than all the rest of a calibration.
    ways = math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
    chance = ways + k * math.log(probability) + (trials - k) * math.log1p(-probability)
    return 2 * k * (1 - probability) * math.exp(chance)
