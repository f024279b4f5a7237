"""Rates of decisions that constraints compare between groups, in one form for all notions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairfactor.errors import ArgumentError
from fairfactor.fairness import ConfusionCounts
from fairfactor.mitigation.constraint import METRIC_OF_NAME

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RateFamily:
    """The rates that one notion of fairness compares.

    Rate k of group s under decisions d is r_ks = P(A_k[d, y] = 1 | B_k[y] = 1, s).

    Attributes:
        hits: A, (rates, classes decided, true classes), 0 or 1.
        events: B, (rates, true classes), 0 or 1: the rows that rate k is a share of.
        is_floor: Whether every rate is to be high, rather than equal between groups.
        is_mean_square: Whether gaps count by their root mean square and not by the largest.
    """

    hits: Array
    events: Array
    is_floor: bool = False
    is_mean_square: bool = False

    def shares(self, prior: Array) -> Array:
        """Probability π_ks = P(B_k[y] = 1, s) of what each rate is conditioned on.

        Args:
            prior: P(y, s), shape (classes, groups).

        Returns:
            π, shape (rates, groups); 0 where a group has no such rows.
        """
        shares: Array = self.events @ prior
        return shares

    def freedom(self, prior: Array) -> int:
        """Number of multipliers that can be chosen freely.

        Args:
            prior: P(y, s), shape (classes, groups).

        Returns:
            For each rate the groups that have rows for it, less one because their sum is fixed.
        """
        present = (self.shares(prior) > 0).sum(axis=1)
        return int((present if self.is_floor else np.maximum(present - 1, 0)).sum())

    def excess(self, counts: ConfusionCounts) -> Array:
        """The largest gap of any rate, or the root mean square; for a floor, 1 minus the smallest.

        Args:
            counts: Confusion counts, with any leading axes.

        Returns:
            Fractions, of the shape of the leading axes.
        """
        hits = np.einsum("...sty,kyt->...ks", counts.cells, self.hits)
        rows = np.einsum("...st,kt->...ks", counts.actual, self.events)
        rates = np.divide(hits, rows, out=np.full(hits.shape, np.nan), where=rows > 0)
        low = np.fmin.reduce(rates, axis=-1)
        spread = 1 - low if self.is_floor else np.fmax.reduce(rates, axis=-1) - low
        if self.is_mean_square:
            known = np.isfinite(spread)
            squares = np.where(known, spread, 0) ** 2
            return np.asarray(np.sqrt(squares.sum(axis=-1) / known.sum(axis=-1).clip(min=1)))
        return np.asarray(np.fmax.reduce(spread, axis=-1))

    def price(self, prior: Array, favoured: int) -> Array:
        """Multipliers that make every other decision than one class dearer, or that one cheaper.

        λ_ks = ±π_ks for the rates k of deciding for a class, summed over what they are conditioned
        on, is a cost of 1 for that decision whatever the row: argmax_c p(c | x) − κ 1[c ≠ favoured]
        for κ times as much.

        Args:
            prior: P(y, s), shape (classes, groups).
            favoured: The class.

        Returns:
            λ, shape (rates, groups).
        """
        judged = self.hits.any(axis=2).argmax(axis=1)
        if (judged == favoured).all():
            return -self.shares(prior)
        return np.asarray(self.shares(prior) * (judged != favoured)[:, None])

    def decision_weights(self, multipliers: Array, prior: Array) -> Array:
        """Weights of the Bayes rule of the Lagrangian of the constraints.

        argmax_c Σ_ys w[c, y, s] p(y, s | x) with w[c, y, s] = 1[c = y] − Σ_k λ_ks A_k[c, y] / π_ks
        maximises accuracy − Σ_ks λ_ks r_ks over all decisions, row by row. For demographic parity
        that is argmax_c p(c | x) − Σ_s λ_cs p(s | x) / π_s.

        Args:
            multipliers: λ, shape (..., rates, groups).
            prior: P(y, s), shape (classes, groups).

        Returns:
            w, shape (..., classes decided, true classes, groups).
        """
        shares = self.shares(prior)
        inverse = np.divide(1.0, shares, out=np.zeros_like(shares), where=shares > 0)
        costs = np.einsum("...ks,ks,kcy->...cys", multipliers, inverse, self.hits)
        identity = np.eye(self.hits.shape[-1])[:, :, None]
        weights: Array = identity - costs
        return weights


def rate_family(constraint: str, n_classes: int) -> RateFamily:
    """The rates behind a constraint.

    As in `fairfactor.fairness`, with two classes only class 1 takes the positive role, with more
    each class in turn; the root mean square is over all classes.

    Args:
        constraint: A name in `METRIC_OF_NAME`.
        n_classes: Number of classes K.

    Returns:
        The family.

    Raises:
        ArgumentError: If the constraint compares no rates.
    """
    is_one_sided = n_classes == 2 and constraint != "rms_true_positive_rate"
    judged = [1] if is_one_sided else list(range(n_classes))
    everyone = np.ones(n_classes)
    hits, events = [], []
    for c in judged:
        decided, own = np.zeros((n_classes, n_classes)), np.eye(n_classes)[c]
        decided[c] = 1
        for event in {
            "demographic_parity": [everyone],
            "equal_opportunity": [own],
            "rms_true_positive_rate": [own],
            "false_positive_rate": [everyone - own],
            "equalized_odds": [own, everyone - own],
            "equalized_odds_mean": [own, everyone - own],
            "equalized_odds_sum": [own, everyone - own],
        }.get(constraint, []):
            hits.append(decided * event)
            events.append(event)
    if constraint in {"worst_group_error", "worst_group_accuracy"}:
        return RateFamily(np.eye(n_classes)[None], everyone[None], is_floor=True)
    if not hits:
        accepted = f"a constraint that compares groups, one of {', '.join(METRIC_OF_NAME)}"
        raise ArgumentError("constraint", constraint, accepted)
    is_mean_square = constraint == "rms_true_positive_rate"
    return RateFamily(np.array(hits), np.array(events), is_mean_square=is_mean_square)


def joined(families: list[RateFamily]) -> RateFamily:
    """The rates of several families of the same kind together."""
    return RateFamily(
        np.concatenate([family.hits for family in families]),
        np.concatenate([family.events for family in families]),
        families[0].is_floor,
    )
