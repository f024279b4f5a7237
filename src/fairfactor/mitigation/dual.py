"""The convex dual of "most accurate decisions under fairness constraints", and its path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairfactor.mitigation.rates import Array, RateFamily

_TEMPERATURE = 0.01
_LARGEST = 1e3


@dataclass(frozen=True, eq=False)
class Dual:
    """Lagrangian dual over the population that a cell model describes.

    Largest accuracy such that |r_ks − mean_s r_ks| ≤ ε/2 for all k, s, which keeps every gap within
    ε, has the dual

        min over λ with Σ_s λ_ks = 0 of
        E max_c Σ_ys w_λ[c, y, s] p(y, s | x) + (ε/2) Σ_k min_t Σ_s |λ_ks + t|

    with the weights w_λ of `RateFamily.decision_weights`. For a floor, r_ks ≥ b for all s, it is
    min over λ ≤ 0 of E max_c … + b Σ λ. Both are convex; the maximum over classes is smoothed,
    τ log Σ_c exp(· / τ), for a gradient. Where no rule is feasible, as with a floor that is too
    high, the dual has no minimum; so no part of λ exceeds 1000, which is a thousand times all
    accuracy for a gap of 1.

    Attributes:
        probabilities: p(y, s | x), shape (rows, classes, groups).
        family: The rates.
        prior: P(y, s), shape (classes, groups).
        temperature: τ, in units of probability.
        offset: What is added to λ in the weights, at no cost: `RateFamily.price` of a decision.
    """

    probabilities: NDArray[np.float32] | Array
    family: RateFamily
    prior: Array
    temperature: float = _TEMPERATURE
    offset: Array | float = 0.0

    def value_and_rates(self, multipliers: Array) -> tuple[float, Array]:
        """Smoothed E max_c … and the rates of the smoothed rule.

        Args:
            multipliers: λ, shape (rates, groups).

        Returns:
            The value, and r, shape (rates, groups), which is minus its gradient.
        """
        rows, n_classes, n_groups = self.probabilities.shape
        cells = self.probabilities.reshape(rows, -1)
        weights = self.family.decision_weights(multipliers + self.offset, self.prior)
        weights = weights.reshape(n_classes, -1)
        scores = cells @ (weights.T / self.temperature).astype(cells.dtype)
        # Classes first: reductions along a short last axis take ten times as long.
        scores = np.ascontiguousarray(scores.T)
        highest = scores.max(axis=0)
        decisions = np.exp(scores - highest)
        totals = decisions.sum(axis=0)
        decisions /= totals
        value = self.temperature * float((highest + np.log(totals)).mean(dtype=np.float64))
        chosen = np.ascontiguousarray(decisions.T).T @ cells
        chosen = chosen.astype(np.float64).reshape(n_classes, n_classes, n_groups)
        hits = np.einsum("cys,kcy->ks", chosen / rows, self.family.hits)
        shares = self.family.shares(self.prior)
        return value, np.divide(hits, shares, out=np.zeros_like(hits), where=shares > 0)

    def gaps(self, multipliers: Array) -> Array:
        """Gap of each rate, (rates,), between the groups that have rows for it."""
        rates, present = self.value_and_rates(multipliers)[1], self._present
        high = np.where(present, rates, -np.inf).max(axis=1)
        low = np.where(present, rates, np.inf).min(axis=1)
        return np.asarray(np.maximum(high - low, 0))

    def path(
        self,
        tolerances: Iterable[float],
        *,
        start: Array | None = None,
        iterations: int = 60,
    ) -> Iterator[Array]:
        """Multipliers λ for each tolerance ε, or each floor b, each started from the last.

        Args:
            tolerances: ε or b, best from loose to tight.
            start: λ to start the first from; 0 if unset.
            iterations: Most L-BFGS-B iterations for each.

        Yields:
            λ, shape (rates, groups).
        """
        from scipy.optimize import minimize  # slow to import, and needed here only

        start = np.zeros(self._present.shape) if start is None else start
        signs = (-1,) if self.family.is_floor else (1, -1)
        parts = np.concatenate([np.maximum(sign * start, 0).ravel() for sign in signs])
        for tolerance in tolerances:
            parts = minimize(
                self._objective,
                parts,
                args=(tolerance,),
                jac=True,
                method="L-BFGS-B",
                bounds=[(0, _LARGEST)] * len(parts),
                options={"maxiter": iterations, "ftol": 1e-9},
            ).x
            yield self._multipliers(parts)

    @property
    def _present(self) -> NDArray[np.bool_]:
        present: NDArray[np.bool_] = self.family.shares(self.prior) > 0
        return present

    def _objective(self, parts: Array, tolerance: float) -> tuple[float, Array]:
        """Dual objective and gradient in the non-negative parts of λ."""
        value, rates = self.value_and_rates(self._multipliers(parts))
        if self.family.is_floor:
            return value - tolerance * float(parts.sum()), (rates - tolerance).ravel()
        slope = -self._centred(rates)
        gradient = np.concatenate([slope.ravel(), -slope.ravel()]) + tolerance / 2
        return value + tolerance / 2 * float(parts.sum()), gradient

    def _multipliers(self, parts: Array) -> Array:
        """λ from its non-negative parts: −u for a floor, else u − v with mean zero over groups."""
        shape = self._present.shape
        if self.family.is_floor:
            return -parts.reshape(shape) * self._present
        above, below = parts.reshape(2, *shape)
        return self._centred(above - below)

    def _centred(self, values: Array) -> Array:
        """Values minus their mean over the groups that are present, 0 for the others."""
        present = self._present
        number = np.maximum(present.sum(axis=1, keepdims=True), 1)
        means = (values * present).sum(axis=1, keepdims=True) / number
        return np.asarray((values - means) * present)
