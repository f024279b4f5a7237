"""Tables of the page about peers: duels, all results, and the area below the points."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import cell_interval
from fairfactor.report.peers.pictures import ACCURACY
from fairfactor.report.peers.run import Duel, Hypervolume, PeersRun
from fairfactor.report.run import NO_ESTIMATE, Estimate, Metric
from fairfactor.report.scale import Scale
from fairfactor.report.wording import fixed, listed, significant

OUTCOMES = ("ours better", "no difference detected", "peer better", "not reached")
TAGS = {"ours better": "better", "peer better": "worse"}
DIGITS = 3
LEAST_SPAN = 0.01  # of the axis of a difference


@dataclass(frozen=True)
class DifferenceCell:
    """Ours minus peer, with its interval."""

    value: str
    interval: str
    p_value: str
    chart: Markup


@dataclass(frozen=True)
class DuelRow:
    """One duel; ``peer`` and ``ours`` are accuracy and gap."""

    label: str
    gap: str
    peer: tuple[str, str]
    ours: tuple[str, str]
    recipe: str
    accuracy: DifferenceCell
    gap_difference: DifferenceCell
    outcome: str
    tag: str


@dataclass(frozen=True)
class AreaRow:
    """The areas of one method, one for each gap."""

    label: str
    areas: tuple[tuple[str, str], ...]


def duel_rows(run: PeersRun) -> tuple[DuelRow, ...]:
    """Every peer against ours at a gap that is no larger.

    Args:
        run: The comparison.

    Returns:
        One row for each duel.
    """
    labels = {metric.key: metric.label for metric in run.metrics}
    scales = [
        Scale.around_zero([part for e in estimates for part in e.parts], least_span=LEAST_SPAN)
        for estimates in (
            [duel.accuracy_difference for duel in run.duels],
            [duel.gap_difference for duel in run.duels],
        )
    ]
    return tuple(_duel_row(run, duel, labels, scales[0], scales[1]) for duel in run.duels)


def duels_in_words(run: PeersRun) -> str:
    """How the duels came out.

    Args:
        run: The comparison.

    Returns:
        A sentence; empty if there were no duels.
    """
    counts = Counter(duel.outcome for duel in run.duels)
    order = [*OUTCOMES, *(outcome for outcome in counts if outcome not in OUTCOMES)]
    parts = [f"{outcome} in {counts[outcome]}" for outcome in order if counts[outcome]]
    return f"Of {len(run.duels)}: {listed(parts)}." if parts else ""


def mean_and_spread(estimate: Estimate, digits: int) -> tuple[str, str]:
    """A mean and its standard deviation.

    Args:
        estimate: The estimate.
        digits: Decimal places.

    Returns:
        Two texts; the second is empty if there is no standard deviation.
    """
    spread = "" if estimate.sd is None else f"± {fixed(estimate.sd, digits)}"
    return fixed(estimate.mean, digits), spread


def area_metrics(run: PeersRun) -> tuple[Metric, ...]:
    """The gaps that areas were measured for.

    Args:
        run: The comparison.

    Returns:
        The gaps, in the order of the run.
    """
    keys = {entry.metric for entry in run.hypervolume}
    return tuple(metric for metric in run.metrics if metric.key in keys)


def area_rows(run: PeersRun) -> tuple[AreaRow, ...]:
    """The areas of every method.

    Args:
        run: The comparison.

    Returns:
        One row for each method.
    """
    labels = {entry.key: entry.label for entry in run.hypervolume}
    return tuple(
        AreaRow(label, tuple(_area(run.hypervolume, key, m) for m in area_metrics(run)))
        for key, label in labels.items()
    )


def _duel_row(
    run: PeersRun, duel: Duel, labels: dict[str, str], accuracy: Scale, gap: Scale
) -> DuelRow:
    row = run.peer(duel.peer)
    return DuelRow(
        label=row.label if row else duel.peer,
        gap=labels.get(duel.metric, duel.metric),
        peer=_pair(*(run.estimate(duel.peer, key) for key in (ACCURACY, duel.metric))),
        ours=_pair(*(duel.ours.get(key, NO_ESTIMATE) for key in (ACCURACY, duel.metric))),
        recipe=duel.recipe_label,
        accuracy=_difference(duel.accuracy_difference, accuracy),
        gap_difference=_difference(duel.gap_difference, gap),
        outcome=duel.outcome,
        tag=TAGS.get(duel.outcome, ""),
    )


def _pair(accuracy: Estimate, gap: Estimate) -> tuple[str, str]:
    return fixed(accuracy.mean, DIGITS), fixed(gap.mean, DIGITS)


def _difference(estimate: Estimate, scale: Scale) -> DifferenceCell:
    interval = ""
    if estimate.has_interval:
        low, high = (fixed(end, DIGITS, signed=True) for end in (estimate.low, estimate.high))
        interval = f"{low} to {high}"
    return DifferenceCell(
        value=fixed(estimate.mean, DIGITS, signed=True),
        interval=interval,
        p_value="" if estimate.p_value is None else f"p = {significant(estimate.p_value)}",
        chart=cell_interval(estimate, scale, zero_line=True),
    )


def _area(entries: tuple[Hypervolume, ...], key: str, metric: Metric) -> tuple[str, str]:
    found = [e.value for e in entries if e.key == key and e.metric == metric.key]
    return mean_and_spread(found[0] if found else NO_ESTIMATE, DIGITS)
