"""What training and validation rows tell of many operating points."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from fairfactor.fairness import METRICS, Array, ConfusionCounts
from fairfactor.mitigation.constraint import ROUNDING, Constraint, sure_value
from fairfactor.mitigation.decidability import smallest_decidable_bound
from fairfactor.mitigation.operating_point import OperatingPoint

KNOWN_BY_HEART = 0.015
"""So much more accurate on training than on validation rows, models know the former by heart, and
gaps there say nothing about new rows."""

_REPLICATES = 400


class CountedPoints:
    """Counts of points, with a leading axis of points, and samples that are drawn once.

    Args:
        points: The points, one or more.

    Attributes:
        train: Counts on the training rows.
        validation: Counts on the validation rows.
    """

    def __init__(self, points: Sequence[OperatingPoint]) -> None:
        self.train = _stacked([point.train for point in points])
        self.validation = _stacked([point.validation for point in points])
        self._samples: dict[tuple[str, bool, int], Array] = {}

    @cached_property
    def pooled(self) -> ConfusionCounts:
        """Counts on the training and validation rows together."""
        return ConfusionCounts(
            self.train.cells + self.validation.cells, self.validation.group_names
        )

    @cached_property
    def knows_training_rows(self) -> bool:
        """Whether the most accurate model knows the training rows by heart."""
        train, validation = (METRICS["accuracy"](c) for c in (self.train, self.validation))
        best = int(np.argmax(validation))
        return bool(train[best] - validation[best] > KNOWN_BY_HEART)

    def expected_miss(
        self, index: int, constraints: Sequence[Constraint], *, pooled: bool
    ) -> float:
        """How far a point has to be expected beyond some bounds: Σ_b E[max(g_b − b, 0)].

        Args:
            index: The point.
            constraints: The bounds.
            pooled: Whether training rows are drawn too.

        Returns:
            The sum of the means over bootstrap samples.
        """
        return sum(
            float(np.maximum(self._excesses(index, constraint, pooled=pooled), 0).mean())
            for constraint in constraints
        )

    def is_sure(self, index: int, constraints: Sequence[Constraint], confidence: float) -> bool:
        """Whether the validation rows tell that a point keeps the bounds, and by more than luck.

        Args:
            index: The point.
            constraints: The bounds.
            confidence: The share of bootstrap samples that must keep each of them. If not so many
                would keep it where all groups are treated alike, the rows cannot decide it.

        Returns:
            True if they do.
        """
        counts = ConfusionCounts(self.validation.cells[index], self.validation.group_names)
        for constraint in constraints:
            samples = self._excesses(index, constraint, pooled=False)
            if sure_value(samples, confidence) > ROUNDING:
                return False
            smallest = smallest_decidable_bound(constraint, counts, confidence)
            if smallest is not None and smallest > constraint.bound:
                return False
        return True

    def _excesses(self, index: int, constraint: Constraint, *, pooled: bool) -> Array:
        """The excess of a point over a bound in bootstrap samples of the rows."""
        key = (constraint.metric, pooled, index)
        if key not in self._samples:
            counts = (self.pooled if pooled else self.validation).cells[index]
            self._samples[key] = Constraint(constraint.metric, 0.0).sampled_excess(
                ConfusionCounts(counts, self.validation.group_names), replicates=_REPLICATES
            )
        bound = constraint.bound if constraint.is_floor else -constraint.bound
        return self._samples[key] + bound  # a bound shifts an excess


def _stacked(counts: Sequence[ConfusionCounts]) -> ConfusionCounts:
    return ConfusionCounts(np.stack([c.cells for c in counts]), counts[0].group_names)
