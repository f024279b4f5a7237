"""What a finished tuning says about itself: ``metrics.json`` of kind "tuning" as typed records."""

from __future__ import annotations

from dataclasses import dataclass

from fairfactor.report.run import NO_ESTIMATE, Estimate, GroupRates, Metric, RunFacts

ACCURACY = "accuracy"


@dataclass(frozen=True)
class Constraint:
    """What was asked: a metric, a sign and a bound."""

    text: str
    metric: str
    sign: str
    bound: float | None

    def keeps(self, value: float | None) -> bool | None:
        """Whether a value keeps the bound; ``None`` if either is unknown."""
        if value is None or self.bound is None:
            return None
        return value >= self.bound if self.sign.startswith(">") else value <= self.bound


@dataclass(frozen=True)
class Confusion:
    """Counts of a group's test rows by class and prediction."""

    true_positives: float | None
    false_positives: float | None
    false_negatives: float | None
    true_negatives: float | None


@dataclass(frozen=True)
class GroupOutcome(GroupRates):
    """What an operating point does to one group's test rows."""

    positives: float | None
    confusion: Confusion | None


@dataclass(frozen=True)
class FeatureOutcomes:
    """The groups of one of several sensitive features, unmitigated and at the chosen point."""

    feature: str
    before: tuple[GroupOutcome, ...]
    after: tuple[GroupOutcome, ...]


@dataclass(frozen=True)
class OperatingPoint:
    """One decision rule on one model."""

    identifier: str
    recipe: str
    recipe_label: str
    setting: str
    trained_parameters: float | None
    total_parameters: float | None
    groups_at_prediction: bool
    on_frontier: dict[str, bool]
    validation: dict[str, Estimate]
    test: dict[str, Estimate]
    groups: tuple[GroupOutcome, ...]
    model: str | None

    def estimate(self, split: str, metric: str) -> Estimate:
        """A metric on the validation or the test rows."""
        return (self.test if split == "test" else self.validation).get(metric, NO_ESTIMATE)


@dataclass(frozen=True)
class LayerReading:
    """What the inputs of one layer say about the groups.

    ``readability`` has the area under the ROC curve of a linear probe for each group, ``shares``
    those of the group difference along the layer's strongest directions.
    """

    layer: str
    width: float | None
    readability: tuple[float | None, ...]
    shares: tuple[float | None, ...]


@dataclass(frozen=True)
class Layers:
    """Readings of every layer of two networks, and of the scores that decide."""

    unmitigated: tuple[LayerReading, ...]
    chosen: tuple[LayerReading, ...]


@dataclass(frozen=True)
class Loss:
    """Losses after some steps of the pre-training."""

    step: float | None
    training: float | None
    validation: float | None


@dataclass(frozen=True)
class TuningRun(RunFacts):
    """A finished tuning."""

    constraints: tuple[Constraint, ...]
    confidence: float | None
    met: bool | None
    chosen: int | None
    unmitigated: OperatingPoint
    points: tuple[OperatingPoint, ...]
    layers: Layers | None
    single_features: tuple[FeatureOutcomes, ...]
    pretraining: tuple[Loss, ...]

    @property
    def gaps(self) -> tuple[Metric, ...]:
        """Metrics that points have a frontier for, those that were constrained first."""
        keys = {key for point in self.points for key in point.on_frontier}
        asked = {constraint.metric for constraint in self.constraints}
        found = [metric for metric in self.metrics if metric.key in keys]
        return tuple(sorted(found, key=lambda metric: metric.key not in asked))

    @property
    def ordered_metrics(self) -> tuple[Metric, ...]:
        """All metrics: accuracy, the gaps, then the others."""
        first = (*(metric for metric in self.metrics if metric.key == ACCURACY), *self.gaps)
        return (*first, *(metric for metric in self.metrics if metric not in first))

    @property
    def choice(self) -> str:
        """What to call the chosen point: if nothing met the constraints, it is the nearest."""
        return "nearest" if self.met is False else "chosen"

    @property
    def chosen_point(self) -> OperatingPoint | None:
        """The point that was chosen."""
        return None if self.chosen is None else self.points[self.chosen]

    def frontier(self, gap: Metric) -> tuple[int, ...]:
        """Points that no other beats on validation accuracy and a gap, from the smallest gap."""
        found = [
            (value, index)
            for index, point in enumerate(self.points)
            if point.on_frontier.get(gap.key)
            and (value := point.estimate("validation", gap.key).mean) is not None
        ]
        return tuple(index for _, index in sorted(found))
