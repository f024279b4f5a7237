"""Which Bayes rules to try: the dual path, what lies around it, and around the best of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from fairfactor.fairness import METRICS, ConfusionCounts
from fairfactor.mitigation.decisions import count_decisions
from fairfactor.mitigation.dual import Dual
from fairfactor.mitigation.rates import Array, RateFamily
from fairfactor.mitigation.recipe import TuningRows

PartName = Literal["train", "validation"]

_OVERSHOOT = (1.1, 1.2, 1.35)
_SPREAD = 0.4
_DUAL_ROWS = 12_000
_ROUNDS = 2
_RULES_PER_ROUND = 500
_PRICES = (0.1, 0.2, 0.35, 0.5, 0.7, 0.9)


@dataclass(frozen=True, eq=False)
class Rules:
    """Decision rules and what they do.

    Attributes:
        weights: w, shape (rules, classes, classes, groups); the first is the unconstrained rule.
        counts: Confusion counts of each part, with a leading axis of rules.
    """

    weights: Array
    counts: Mapping[PartName, ConfusionCounts]


def explore(
    cells: Mapping[PartName, Tensor],
    rows: Mapping[PartName, TuningRows],
    prior: Array,
    family: RateFamily,
    group_names: tuple[str, ...],
    *,
    points: int = 24,
    neighbours: int = 24,
    seed: int = 0,
) -> Rules:
    """Try rules from the most accurate one to the one with the smallest gaps.

    The dual path is optimal for the probabilities that the model believes in. Where these are off,
    other multipliers are better on real rows. So each point of the path comes with a cloud of
    neighbours and, unless the path is a line anyway, two rounds follow with the neighbours of the
    rules that no other beats.

    Nearer to "the same decision for everyone" gaps are smaller, and surer, than at the end of the
    path. So there are also rules without a gap that pay for any other decision than the most
    frequent class, at growing prices.

    Args:
        cells: p(y, s | x) of training and validation rows, (rows × classes × groups).
        rows: Labels and groups of these rows.
        prior: P(y, s), shape (classes, groups), of which only the zeros are used: shares of
            cells are those that the model believes in. Of those all rates of a constant rule are
            the same, so that some rule has no gap and the dual a minimum.
        family: The rates to balance.
        group_names: Name of each group.
        points: Points of the dual path.
        neighbours: Neighbours of each of its points.
        seed: Seed of the neighbours and of the rows that the dual uses.

    Returns:
        The rules.
    """
    generator = np.random.default_rng(seed)
    believed = torch.cat([cells["train"], cells["validation"]]).numpy()
    if len(believed) > _DUAL_ROWS:
        believed = believed[generator.choice(len(believed), _DUAL_ROWS, replace=False)]
    prior = believed.mean(axis=0, dtype=np.float64) * (prior > 0)
    path = dual_path(believed, family, prior, points)
    scale = np.abs(path).max(axis=0)
    path = np.concatenate([path, priced(believed, family, prior, path[points])])

    def counted(tried: Array) -> Rules:
        weights = family.decision_weights(tried, prior)
        counts: dict[PartName, ConfusionCounts] = {
            name: count_decisions(cells[name], weights, part.labels, part.groups, group_names)
            for name, part in rows.items()
        }
        return Rules(weights, counts)

    multipliers = np.concatenate([path, nearby(path, scale, family, neighbours, generator)])
    rules = counted(multipliers)
    for _ in range(_ROUNDS if family.freedom(prior) > 1 else 0):
        best = multipliers[_unbeaten(rules, family)]
        number = max(1, _RULES_PER_ROUND // len(best))
        tried = nearby(best, scale, family, number, generator)
        multipliers, rules = np.concatenate([multipliers, tried]), _joined(rules, counted(tried))
    return rules


def dual_path(cells: Array, family: RateFamily, prior: Array, points: int) -> Array:
    """No multipliers, those of the dual path, and some beyond its end.

    Args:
        cells: p(y, s | x), (rows × classes × groups).
        family: The rates to balance.
        prior: P(y, s) of these rows, shape (classes, groups).
        points: Points of the path.

    Returns:
        λ, shape (points + 4, rates, groups).
    """
    dual = Dual(cells, family, prior)
    start = np.zeros(family.shares(prior).shape)
    rates = dual.value_and_rates(start)[1]
    if family.is_floor:
        lowest, highest = float(rates.min()), float(rates.max())
        tolerances = np.linspace(lowest, highest, points + 1)[1:]
    else:
        tolerances = float(dual.gaps(start).max()) * np.linspace(1, 0, points + 1)[1:] ** 1.5
    path = [start, *dual.path(tolerances)]
    return np.stack(path + [path[-1] * factor for factor in _OVERSHOOT])


def priced(cells: Array, family: RateFamily, prior: Array, start: Array) -> Array:
    """Multipliers of rules without a gap, nearer and nearer to one decision for everyone.

    Args:
        cells: p(y, s | x), (rows × classes × groups).
        family: The rates to balance.
        prior: P(y, s) of these rows, shape (classes, groups).
        start: λ of a rule without a gap and without a price.

    Returns:
        λ, shape (prices, rates, groups); none for a floor, which a constant rule does not raise.
    """
    price = family.price(prior, int(prior.sum(axis=1).argmax()))
    found = []
    for amount in () if family.is_floor else _PRICES:
        dual = Dual(cells, family, prior, offset=amount * price)
        start = next(dual.path([0.0], start=start))
        found.append(start + dual.offset)
    return np.stack(found) if found else np.empty((0, *price.shape))


def nearby(
    multipliers: Array,
    scale: Array,
    family: RateFamily,
    number: int,
    generator: np.random.Generator,
) -> Array:
    """Random neighbours, at distances that do not grow with the number of rates and groups.

    Args:
        multipliers: λ, shape (points, rates, groups).
        scale: Size of each multiplier, shape (rates, groups).
        family: The rates.
        number: Neighbours of each point.
        generator: Draws them.

    Returns:
        λ, shape (number · points, rates, groups).
    """
    radii = _SPREAD * np.sqrt(4 / scale.size) * generator.random((number, len(multipliers), 1, 1))
    noise = generator.standard_normal((number, *multipliers.shape)) * scale * radii
    if not family.is_floor:
        noise -= noise.mean(axis=-1, keepdims=True)
    return np.asarray((multipliers + noise).reshape(-1, *scale.shape))


def _unbeaten(rules: Rules, family: RateFamily) -> list[int]:
    """Rules that no other beats on both validation error and the larger gap of both parts."""
    gaps = np.max([family.excess(counts) for counts in rules.counts.values()], axis=0)
    errors = METRICS["error_rate"](rules.counts["validation"])
    kept, best = [0], np.inf
    for index in np.lexsort((errors, gaps)):
        if errors[index] < best:
            kept.append(int(index))
            best = errors[index]
    return kept


def _joined(first: Rules, second: Rules) -> Rules:
    counts = {
        name: ConfusionCounts(
            np.concatenate([one.cells, second.counts[name].cells]), one.group_names
        )
        for name, one in first.counts.items()
    }
    return Rules(np.concatenate([first.weights, second.weights]), counts)
