"""What a user asks of an operating point: a metric and the bound that it must keep."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from typing import Self

import numpy as np

from fairfactor.errors import ArgumentError
from fairfactor.fairness import METRICS, Array, ConfusionCounts
from fairfactor.intervals import resample

METRIC_OF_NAME: dict[str, str] = {
    "equalized_odds": "equalized_odds_difference_worst_case",
    "equalized_odds_mean": "equalized_odds_difference_mean",
    "equalized_odds_sum": "equalized_odds_difference_sum",
    "demographic_parity": "demographic_parity_difference",
    "equal_opportunity": "equal_opportunity_difference",
    "false_positive_rate": "false_positive_rate_difference",
    "rms_true_positive_rate": "rms_true_positive_rate_difference",
    "worst_group_error": "worst_group_accuracy",
    "worst_group_accuracy": "worst_group_accuracy",
    "accuracy": "accuracy",
    "error_rate": "error_rate",
}
"""Names that constraints use, and the entry of ``METRICS`` that each reads."""

_FLOORS = frozenset({"accuracy", "worst_group_accuracy"})
_FORM = re.compile(r"\s*([a-z_ -]+?)\s*(<=|>=|≤|≥|=<|=>|<|>|==|=)\s*([0-9.eE+-]+)\s*(%?)\s*", re.I)
ROUNDING = 1e-12
"""Rates are quotients: a gap of exactly 0.05 may come out a few units in the last place above."""

_EXAMPLE = "Write it as 'equalized_odds<=0.05' or 'accuracy>=84%'."


@dataclass(frozen=True)
class Constraint:
    """A bound on one metric: an upper bound, for the accuracies a lower one.

    Attributes:
        metric: A name in `METRIC_OF_NAME`; "equalized_odds" is the worst case of both rates.
        bound: The bound, a fraction.

    Raises:
        ArgumentError: If there is no such metric, or the bound is outside of its range.
    """

    metric: str
    bound: float

    def __post_init__(self) -> None:
        if self.metric not in METRIC_OF_NAME:
            near = difflib.get_close_matches(self.metric, METRIC_OF_NAME, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else _EXAMPLE
            raise ArgumentError(
                "metric", self.metric, f"one of {', '.join(METRIC_OF_NAME)}", remedy
            )
        largest = 2 if self.metric == "equalized_odds_sum" else 1
        if not (math.isfinite(self.bound) and 0 <= self.bound <= largest):
            raise ArgumentError(
                "bound",
                self.bound,
                f"a fraction from 0 to {largest} for {self.metric}",
                "Percentages need the sign %, as in 5%.",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a constraint from text.

        Args:
            text: Metric, sign and bound, as ``"equalized_odds<=0.05"`` or ``"accuracy >= 84%"``.

        Returns:
            The constraint.

        Raises:
            ArgumentError: If the text has another form, or the sign is the wrong way round.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ArgumentError("constraint", text, "a metric, <= or >=, and a bound", _EXAMPLE)
        name, sign, digits, percent = match.groups()
        name = re.sub(r"[ -]+", "_", name.lower()).replace("equalised", "equalized")
        if name not in METRIC_OF_NAME:  # the entry of METRICS will do as well
            name = next((n for n, metric in METRIC_OF_NAME.items() if metric == name), name)
        try:
            bound = float(digits) / (100 if percent else 1)
        except ValueError:
            raise ArgumentError("constraint", text, "a number as the bound", _EXAMPLE) from None
        constraint = cls(name, bound)
        if sign not in ((">=", "≥") if constraint.is_floor else ("<=", "≤")):
            raise ArgumentError("constraint", text, f"the sign {constraint.sign} for {name}")
        return constraint

    @property
    def is_floor(self) -> bool:
        """Whether the metric must be at least the bound."""
        return self.metric in _FLOORS

    @property
    def sign(self) -> str:
        """``<=`` or ``>=``."""
        return ">=" if self.is_floor else "<="

    @property
    def on_accuracy(self) -> Constraint:
        """The same bound on an accuracy where this one is on an error, which no report shows."""
        accuracies = {"error_rate": "accuracy", "worst_group_error": "worst_group_accuracy"}
        if self.metric not in accuracies:
            return self
        return Constraint(accuracies[self.metric], 1 - self.bound)

    def __str__(self) -> str:
        return f"{self.metric}{self.sign}{self.bound:g}"

    def value(self, counts: ConfusionCounts) -> Array:
        """The metric, for every replicate of the counts.

        Args:
            counts: Confusion counts, with any leading axes.

        Returns:
            Fractions, of the shape of the leading axes; NaN where undefined.
        """
        value = METRICS[METRIC_OF_NAME[self.metric]](counts)
        return np.asarray(1 - value if self.metric == "worst_group_error" else value)

    def excess(self, counts: ConfusionCounts) -> Array:
        """How far the metric is on the wrong side of the bound: met if not positive.

        Args:
            counts: Confusion counts, with any leading axes.

        Returns:
            Fractions, of the shape of the leading axes; infinite where the metric is undefined.
        """
        excess = self.value(counts) - self.bound
        excess = -excess if self.is_floor else excess
        return np.where(np.isnan(excess), np.inf, excess)

    def sampled_excess(
        self, counts: ConfusionCounts, *, replicates: int = 1000, seed: int = 0
    ) -> Array:
        """The excess in bootstrap samples of the rows.

        Args:
            counts: Confusion counts of one data set.
            replicates: Number of bootstrap samples.
            seed: Seed of the bootstrap.

        Returns:
            Fractions, shape (replicates,), infinite where the metric is undefined.
        """
        return self.excess(resample(counts, replicates, seed))

    def sure_excess(
        self,
        counts: ConfusionCounts,
        confidence: float,
        *,
        replicates: int = 1000,
        seed: int = 0,
    ) -> float:
        """What the excess does not exceed in a share of bootstrap samples.

        Args:
            counts: Confusion counts of one data set.
            confidence: The share.
            replicates: Number of bootstrap samples.
            seed: Seed of the bootstrap.

        Returns:
            A fraction, infinite where the metric may be undefined.
        """
        samples = self.sampled_excess(counts, replicates=replicates, seed=seed)
        return sure_value(samples, confidence)

    def is_met(
        self,
        counts: ConfusionCounts,
        confidence: float | None = None,
        *,
        replicates: int = 1000,
        seed: int = 0,
    ) -> bool:
        """Whether the counts of one data set keep the bound.

        Args:
            counts: Confusion counts of one data set.
            confidence: The share of bootstrap samples that must keep the bound too; ``None`` asks
                for the estimate alone.
            replicates: Number of bootstrap samples.
            seed: Seed of the bootstrap.

        Returns:
            True if they do; False also where the metric is undefined.

        Raises:
            ArgumentError: If ``confidence`` is no probability.
        """  # noqa: DOC502 - raised by sure_value
        if confidence is None:
            return bool(self.excess(counts) <= ROUNDING)
        return self.sure_excess(counts, confidence, replicates=replicates, seed=seed) <= ROUNDING


def sure_value(samples: Array, confidence: float) -> float:
    """The smallest of some samples that a share of them does not exceed.

    Args:
        samples: Values of bootstrap samples.
        confidence: The share.

    Returns:
        The quantile.

    Raises:
        ArgumentError: If ``confidence`` is no probability.
    """
    if not 0 < confidence < 1:
        raise ArgumentError("confidence", confidence, "a probability between 0 and 1, as 0.95")
    return float(np.quantile(samples, confidence, method="inverted_cdf"))
