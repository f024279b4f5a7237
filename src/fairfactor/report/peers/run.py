"""What a finished comparison with peers says about itself: kind "peers" as typed records."""

from __future__ import annotations

from dataclasses import dataclass

from fairfactor.report.run import NO_ESTIMATE, Estimate, Metric, RunFacts


@dataclass(frozen=True)
class PeerRow:
    """One method: its results over seeds, or why there are none.

    ``ours`` marks rows of fairfactor itself.
    """

    key: str
    label: str
    ours: bool
    package: str | None
    target: str
    setting: str
    groups_at_prediction: bool
    same_backbone: bool
    trained_parameters: float | None
    seconds: Estimate
    missing: str | None
    summary: dict[str, Estimate]
    seeds: tuple[dict[str, float | None], ...]


@dataclass(frozen=True)
class FrontierPoint:
    """What ours reaches when a gap is bounded on the validation rows."""

    bound: float | None
    summary: dict[str, Estimate]
    feasible_seeds: float | None


@dataclass(frozen=True)
class Frontier:
    """Ours over bounds on one gap."""

    key: str
    label: str
    metric: str
    points: tuple[FrontierPoint, ...]


@dataclass(frozen=True)
class Duel:
    """A peer against ours at a gap that is no larger; differences are ours minus peer."""

    peer: str
    metric: str
    bound: float | None
    recipe_label: str
    ours: dict[str, Estimate]
    accuracy_difference: Estimate
    gap_difference: Estimate
    outcome: str


@dataclass(frozen=True)
class Hypervolume:
    """The area that a method's points dominate in the plane of accuracy and a gap."""

    key: str
    label: str
    metric: str
    value: Estimate


@dataclass(frozen=True)
class PeersRun(RunFacts):
    """A finished comparison with peers."""

    seeds: tuple[float | None, ...]
    rows: tuple[PeerRow, ...]
    frontiers: tuple[Frontier, ...]
    duels: tuple[Duel, ...]
    hypervolume: tuple[Hypervolume, ...]

    @property
    def measured(self) -> tuple[PeerRow, ...]:
        """The rows that have results."""
        return tuple(row for row in self.rows if row.summary)

    @property
    def gaps(self) -> tuple[Metric, ...]:
        """The gaps that methods are compared on."""
        keys = {frontier.metric for frontier in self.frontiers} | {d.metric for d in self.duels}
        keys = keys or {"demographic_parity_difference", "equalized_odds_difference_worst_case"}
        return tuple(metric for metric in self.metrics if metric.key in keys)

    def peer(self, key: str) -> PeerRow | None:
        """The row of a peer."""
        return next((row for row in self.rows if row.key == key), None)

    def estimate(self, key: str, metric: str) -> Estimate:
        """A metric of the row of a peer."""
        row = self.peer(key)
        return row.summary.get(metric, NO_ESTIMATE) if row else NO_ESTIMATE
