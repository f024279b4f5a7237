"""What a finished run says about itself: ``metrics.json`` (format 1) as typed records."""

from __future__ import annotations

from dataclasses import dataclass

SMALL_GROUP = 100
"""Test rows below which a group is flagged: a rate from so few is uncertain by about 10 points."""

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")


@dataclass(frozen=True)
class Estimate:
    """A value or a mean over seeds, with its 95 % interval; ``None`` where there is no value."""

    mean: float | None
    low: float | None
    high: float | None
    sd: float | None = None
    n: float | None = None
    p_value: float | None = None

    @property
    def parts(self) -> tuple[float | None, float | None, float | None]:
        """The values that an axis has to cover."""
        return self.low, self.mean, self.high

    @property
    def has_interval(self) -> bool:
        """Whether there is a mean with both ends of its interval."""
        return None not in {self.mean, self.low, self.high}

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly on one side of zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


NO_ESTIMATE = Estimate(None, None, None)


@dataclass(frozen=True)
class Metric:
    """A metric that methods are compared on."""

    key: str
    label: str
    unit: str
    lower_is_better: bool
    meaning: str

    @property
    def digits(self) -> int:
        """Decimal places to show: two for percents, three for fractions."""
        return 2 if self.unit == "%" else 3

    @property
    def least_span(self) -> float:
        """The narrowest axis, so that differences of no consequence do not look large."""
        return 0.5 if self.unit == "%" else 0.01


@dataclass(frozen=True)
class GroupRates:
    """Rates of one group under one method."""

    name: str
    count: float | None
    rates: dict[str, Estimate]

    @property
    def is_small(self) -> bool:
        """Whether there are too few rows for the rates to be taken at face value."""
        return self.count is not None and self.count < SMALL_GROUP


@dataclass(frozen=True)
class FeatureRates:
    """Rates of the groups of one of several sensitive features."""

    feature: str
    groups: tuple[GroupRates, ...]


@dataclass(frozen=True)
class Replacement:
    """What putting factors in the place of a layer did."""

    mean_weight_change: float | None
    maximum_weight_change: float | None
    parameters_before: float | None
    parameters_after: float | None
    break_even_rank: float | None


@dataclass(frozen=True)
class Tuning:
    """What the validation rows chose for one seed."""

    seed: float | None
    learning_rate: float | None
    epoch: float | None
    validation_loss: float | None
    candidates: float | None
    training_losses: tuple[float | None, ...] = ()
    validation_losses: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class MethodResult:
    """All that was measured for one method at one rank."""

    identifier: str
    method: str
    rank: float | None
    label: str
    trained_parameters: float | None
    total_parameters: float | None
    summary: dict[str, Estimate]
    differences: dict[str, dict[str, Estimate]]
    groups: tuple[GroupRates, ...]
    single_features: tuple[FeatureRates, ...]
    replacement: Replacement | None
    tuning: tuple[Tuning, ...]
    seeds: tuple[dict[str, float | None], ...]
    seconds: float | None


@dataclass(frozen=True)
class GroupCounts:
    """Rows of one group in each split."""

    name: str
    counts: dict[str, float | None]
    positive_rate: float | None


@dataclass(frozen=True)
class DataSummary:
    """The data set and its splits."""

    name: str
    description: str
    licence: str
    citation: str
    rows: float | None
    splits: dict[str, float | None]
    target: str
    positive_class: str
    sensitive_features: tuple[str, ...]
    features: tuple[str, ...]
    groups: tuple[GroupCounts, ...]


@dataclass(frozen=True)
class Importance:
    """Row importance ρ_s of one layer: groups × inputs, and the neutralised weights Î_N."""

    layer: str
    groups: tuple[str, ...]
    rows: tuple[tuple[float | None, ...], ...]
    neutralized: tuple[float | None, ...]
    correlation: float | None
    scale_ratio: float | None
    zero_rows: float | None
    seed: float | None


@dataclass(frozen=True)
class Finding:
    """Something that changes how the results should be read."""

    severity: str
    text: str


@dataclass(frozen=True)
class RunFacts:
    """What runs of every kind say about themselves."""

    version: str
    data: DataSummary
    metrics: tuple[Metric, ...]
    findings: tuple[Finding, ...]
    headline: str
    sentences: tuple[str, ...]
    seconds: dict[str, float | None]
    environment: dict[str, str]


@dataclass(frozen=True)
class Run(RunFacts):
    """A finished comparison of methods."""

    reference_methods: tuple[str, ...]
    methods: tuple[MethodResult, ...]
    importance: Importance | None

    @property
    def seed_count(self) -> int:
        """The largest number of seeds of any method."""
        return max((len(method.seeds) for method in self.methods), default=0)
