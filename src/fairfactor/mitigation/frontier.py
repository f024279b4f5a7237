"""The choice among operating points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fairfactor.errors import ArgumentError
from fairfactor.fairness import METRICS, Array, ConfusionCounts
from fairfactor.mitigation.constraint import METRIC_OF_NAME, ROUNDING, Constraint
from fairfactor.mitigation.counted_points import CountedPoints
from fairfactor.mitigation.hypervolume import dominated_area
from fairfactor.mitigation.operating_point import OperatingPoint

Evidence = Literal["train_and_validation", "validation"]

NEGLIGIBLE_EXCESS = 0.002
"""Misses of a bound that differ by less than this are not worth accuracy: rows by the ten thousand
leave gaps uncertain by several times as much."""

EXCESS_PRICE = 5.0
"""What a point of a gap beyond its bound costs, in points of the objective. Chosen on Adult, seeds
60 to 65, and on photographs, seeds 100 to 103, where 3 to 10 did about the same."""

_NEAREST = 200


@dataclass(frozen=True, eq=False)
class Selection:
    """The point that a frontier offers for some constraints.

    Attributes:
        point: The most accurate point that meets them, or the one that comes nearest.
        met: Whether it meets them.
        message: What was found, in a sentence.
    """

    point: OperatingPoint
    met: bool
    message: str


@dataclass(frozen=True, eq=False)
class Frontier:
    """All operating points that were tried.

    Attributes:
        points: The points.

    Raises:
        ArgumentError: If there are none.
    """

    points: tuple[OperatingPoint, ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise ArgumentError("points", self.points, "at least one operating point")

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def _counted(self) -> CountedPoints:
        return CountedPoints(self.points)

    @property
    def train(self) -> ConfusionCounts:
        """Counts on the training rows, with a leading axis of points."""
        return self._counted.train

    @property
    def validation(self) -> ConfusionCounts:
        """Counts on the validation rows, with a leading axis of points."""
        return self._counted.validation

    @cached_property
    def _constant(self) -> NDArray[np.bool_]:
        """Which points decide the same for everyone."""
        return np.array([point.is_constant for point in self.points])

    def select(
        self,
        constraints: Sequence[Constraint],
        *,
        confidence: float | None = None,
        evidence: Evidence = "train_and_validation",
        minimize: str = "error_rate",
        constant: bool = False,
    ) -> Selection:
        """Choose the best point that meets all constraints.

        A rule that is the best of many on the validation rows is partly the luckiest, so by default
        it has to keep each bound on the training rows too. The objective is that of the validation
        rows. A rule that decides the same for everyone has no gap, and is of no use: it is chosen
        only if there is no other, or where it is asked for.

        Args:
            constraints: What has to hold; none leaves the most accurate point.
            confidence: The share of bootstrap samples of the validation rows that must keep each
                bound; ``None`` asks for the estimates alone. A bound that these rows cannot decide
                at all for a rule like a point (`smallest_decidable_bound`) is kept by luck, so such
                a point does not meet it.
            evidence: Rows on which each bound must hold. "validation" leaves out the training rows,
                as on rows that a model knows by heart its gaps say nothing.
            minimize: What to minimise among the points that meet the constraints: "error_rate", or
                a gap such as "equalized_odds" next to a constraint on accuracy.
            constant: Whether rules that decide the same for everyone may be chosen too.

        Returns:
            The choice; if no point meets the constraints, the best of those that miss them by
            least, differences of `NEGLIGIBLE_EXCESS` aside. With confidence, that of `weigh`, as
            noise hides which of them is the nearest; and that of `weigh` too where it keeps, and
            the one that meets the constraints does not, half of what the inputs are worth.
        """
        parts = [self.validation, *([self.train] if _trusts_training(evidence) else [])]
        cost, error = _cost(minimize, parts), _cost("error_rate", parts)
        excess = np.full(len(self.points), -np.inf)
        for constraint in constraints:
            excess = np.maximum(excess, np.max([constraint.excess(p) for p in parts], axis=0))
        excess[self._refused(constant=constant)] = np.inf
        best = np.lexsort((error, cost))
        kept = best[excess[best] <= ROUNDING].tolist()
        met = next(
            (
                self.points[index]
                for index in kept
                if confidence is None or self._counted.is_sure(index, constraints, confidence)
            ),
            None,
        )
        if met and (confidence is None or self.keeps_most_worth(met.metric("accuracy"))):
            return Selection(met, True, self._found(met, constraints))
        if confidence is None:
            near = self.points[best[excess[best] <= excess.min() + NEGLIGIBLE_EXCESS][0]]
        else:
            weighed = self.weigh(
                constraints, evidence=evidence, minimize=minimize, constant=constant
            )
            near = weighed.point
        if met and not self.keeps_most_worth(near.metric("accuracy")):
            return Selection(met, True, self._found(met, constraints))
        return Selection(near, False, self._missed(near, constraints, confidence, met))

    def weigh(
        self,
        constraints: Sequence[Constraint],
        *,
        price: float = EXCESS_PRICE,
        evidence: Evidence = "train_and_validation",
        minimize: str = "error_rate",
        constant: bool = False,
    ) -> Selection:
        """Weigh the objective against the miss of each bound that has to be expected.

        The point of the least c + p · Σ_b E[max(g_b − b, 0)]: p is the price, c is the objective on
        validation rows, g_b the gap of a bootstrap sample of training and validation rows together,
        or of the latter alone if models know the training rows by heart (`KNOWN_BY_HEART`).
        A rule that keeps a bound by luck is expected to miss it by about as much as one that just
        misses it. So neither luck decides nor a margin that hardly any rule can keep.

        Of all points the 200 are weighed that are best if nothing but estimates counts.

        Args:
            constraints: What should hold.
            price: What a point beyond a bound costs, in points of the objective. The higher, the
                more of a margin is kept.
            evidence: As in `select`.
            minimize: As in `select`.
            constant: As in `select`.

        Returns:
            The choice; it is met if the estimates on these rows keep every bound.
        """
        pooled = _trusts_training(evidence) and not self._counted.knows_training_rows
        cost = _cost(minimize, [self.validation])
        cost = np.where(self._refused(constant=constant), np.inf, cost)
        rows = self._counted.pooled if pooled else self.validation
        excesses = [constraint.excess(rows) for constraint in constraints]
        estimated = cost + price * sum(np.maximum(e, 0) for e in excesses)
        nearest = np.argsort(estimated, kind="stable")[:_NEAREST]
        expected = [
            self._counted.expected_miss(index, constraints, pooled=pooled)
            for index in nearest.tolist()
        ]
        index = int(nearest[np.argmin(cost[nearest] + price * np.array(expected))])
        point = self.points[index]
        if all(excess[index] <= ROUNDING for excess in excesses):
            return Selection(point, True, self._found(point, constraints))
        return Selection(point, False, self._missed(point, constraints, None))

    def _refused(self, *, constant: bool) -> NDArray[np.bool_]:
        """Which points are not chosen: useless ones, unless asked for or there is no other."""
        if constant or self._constant.all():
            return np.zeros(len(self.points), dtype=bool)
        return self._constant

    def keeps_most_worth(self, accuracy: float) -> bool:
        """Whether a validation accuracy keeps at least half of what the inputs are worth.

        Args:
            accuracy: The accuracy.

        Returns:
            False if it is nearer to that of the same decision for everyone than to the best.
        """
        useless, best = self._worth
        return useless == 0 or accuracy - useless >= (best - useless) / 2

    @cached_property
    def _worth(self) -> tuple[float, float]:
        """Validation accuracy of the same decision for everyone, 0 without it, and of the best."""
        accuracies = METRICS["accuracy"](self.validation)
        return float(accuracies[self._constant].max(initial=0.0)), float(accuracies.max())

    def _found(self, point: OperatingPoint, constraints: Sequence[Constraint]) -> str:
        accuracy = point.metric("accuracy")
        kept = " and ".join(_measured(point, c.metric) for c in constraints) or "no constraint"
        found = f"Validation accuracy {accuracy:.2%} with {kept} ({point.recipe})."
        return found if self.keeps_most_worth(accuracy) else f"{found} {self._little_worth}"

    @property
    def _little_worth(self) -> str:
        useless, best = self._worth
        return (
            "That gives up more than half of what the inputs are worth: the same decision for "
            f"everyone has {useless:.2%}, the most accurate point {best:.2%}."
        )

    def _missed(
        self,
        point: OperatingPoint,
        constraints: Sequence[Constraint],
        confidence: float | None,
        of_little_worth: OperatingPoint | None = None,
    ) -> str:
        wanted = " and ".join(map(str, constraints))
        sure = "" if confidence is None else f" at confidence {confidence:g}"
        nearest = " and ".join(_measured(point, c.metric) for c in constraints)
        of_use = "" if of_little_worth is None else " of use"
        missed = (
            f"No operating point{of_use} meets {wanted}{sure}. The nearest has {nearest} at "
            f"validation accuracy {point.metric('accuracy'):.2%} ({point.recipe}). Relax the bound "
            "or add recipes."
        )
        if of_little_worth is not None:
            accuracy = of_little_worth.metric("accuracy")
            return (
                f"{missed} One with accuracy {accuracy:.2%} would ({of_little_worth.recipe}). "
                f"{self._little_worth}"
            )
        for other in self.points:
            if other.is_constant and all(c.is_met(other.validation) for c in constraints):
                accuracy = other.metric("accuracy")
                missed += f" The same decision for everyone would, at accuracy {accuracy:.2%}."
        return missed

    def pareto(self, metric: str = "equalized_odds") -> Frontier:
        """The points that no other beats on both validation accuracy and a gap, by rising gap.

        Args:
            metric: A name that constraints use.

        Returns:
            A frontier of those points.
        """
        gap = _cost(metric, [self.validation])
        error = 1 - METRICS["accuracy"](self.validation)
        kept, best = [], np.inf
        for index in np.lexsort((error, gap)):
            if np.isfinite(gap[index]) and error[index] < best:
                kept.append(self.points[index])
                best = error[index]
        return Frontier(tuple(kept))

    def area(self, metric: str, *, worst_gap: float, worst_accuracy: float) -> float:
        """Area that the points dominate, as a fraction of what could be (hypervolume).

        Args:
            metric: The gap on the first axis.
            worst_gap: Gap of the reference point; points beyond do not count.
            worst_accuracy: Accuracy of the reference point.

        Returns:
            0 to 1; 1 is full accuracy without a gap.
        """
        values = (Constraint(name, 0.0).value(self.validation) for name in (metric, "accuracy"))
        points = zip(*(value.tolist() for value in values), strict=True)
        return dominated_area(points, worst_gap, worst_accuracy)


def _trusts_training(evidence: str) -> bool:
    """Whether gaps on training rows count too.

    Returns:
        False if those of validation rows are all that counts.

    Raises:
        ArgumentError: If there is no such evidence.
    """
    if evidence not in get_args(Evidence):
        raise ArgumentError("evidence", evidence, f"one of {', '.join(get_args(Evidence))}")
    return evidence == "train_and_validation"


def _cost(name: str, parts: Sequence[ConfusionCounts]) -> Array:
    """What to minimise: a gap at its worst over parts, or the error on the first of them."""
    constraint = Constraint(name, 0.0)
    if name == "error_rate":
        return constraint.value(parts[0])
    if constraint.is_floor:
        accepted = ", ".join(n for n in METRIC_OF_NAME if not Constraint(n, 0.0).is_floor)
        raise ArgumentError("metric", name, f"one that is better when small: {accepted}")
    values = np.max([constraint.value(part) for part in parts], axis=0)
    return np.where(np.isnan(values), np.inf, values)


def _measured(point: OperatingPoint, name: str) -> str:
    values = (point.metric(name, "train"), point.metric(name, "validation"))
    return f"{name} {values[0]:.4f} on training and {values[1]:.4f} on validation rows"
