"""Reading ``metrics.json`` of kind "peers"."""

from __future__ import annotations

from collections.abc import Mapping

from fairfactor.report.facts import read_estimate, read_estimates, read_facts
from fairfactor.report.fields import NO_VALUE, Fields
from fairfactor.report.peers.run import (
    Duel,
    Frontier,
    FrontierPoint,
    Hypervolume,
    PeerRow,
    PeersRun,
)
from fairfactor.report.run import NO_ESTIMATE, Estimate


def read_peers(metrics: Mapping[str, object]) -> PeersRun:
    """Read the contents of ``metrics.json`` of a comparison with peers.

    Args:
        metrics: The parsed file.

    Returns:
        The run as records.

    Raises:
        SavedModelError: If a key is missing or has a value of another type.
    """  # noqa: DOC502 - raised by read_facts and Fields
    fields = Fields(metrics)
    return PeersRun(
        **vars(read_facts(fields)),
        seeds=fields.numbers("seeds"),
        rows=tuple(_read_row(child) for child in fields.children("rows")),
        frontiers=tuple(_read_frontier(child) for child in fields.children("frontiers")),
        duels=tuple(_read_duel(child) for child in fields.children("duels")),
        hypervolume=tuple(
            Hypervolume(
                key=child.text("key"),
                label=child.text("label"),
                metric=child.text("metric"),
                value=_read_mean(child, "value"),
            )
            for child in fields.children("hypervolume")
        ),
    )


def _read_row(fields: Fields) -> PeerRow:
    return PeerRow(
        key=fields.text("key"),
        label=fields.text("label"),
        ours=fields.flag("ours"),
        package=fields.optional_text("package"),
        target=fields.text("target"),
        setting=fields.text("setting"),
        groups_at_prediction=fields.flag("groups_at_prediction"),
        same_backbone=fields.flag("same_backbone"),
        trained_parameters=fields.number("trained_parameters"),
        seconds=_read_mean(fields, "seconds"),
        missing=fields.optional_text("missing"),
        summary={} if fields.is_null("summary") else read_estimates(fields.child("summary")),
        seeds=tuple(child.named_numbers() for child in fields.children("seeds")),
    )


def _read_frontier(fields: Fields) -> Frontier:
    return Frontier(
        key=fields.text("key"),
        label=fields.text("label"),
        metric=fields.text("metric"),
        points=tuple(
            FrontierPoint(
                bound=child.number("bound"),
                summary=read_estimates(child.child("summary")),
                feasible_seeds=child.number("feasible_seeds"),
            )
            for child in fields.children("points")
        ),
    )


def _read_duel(fields: Fields) -> Duel:
    ours = None if fields.is_null("ours") else fields.child("ours")
    return Duel(
        peer=fields.text("peer"),
        metric=fields.text("metric"),
        bound=fields.number("bound"),
        recipe_label=ours.text("recipe_label") if ours else NO_VALUE,
        ours=read_estimates(ours.without("recipe_label")) if ours else {},
        accuracy_difference=_read_optional(fields, "accuracy_difference"),
        gap_difference=_read_optional(fields, "gap_difference"),
        outcome=fields.text("outcome"),
    )


def _read_optional(fields: Fields, key: str) -> Estimate:
    return NO_ESTIMATE if fields.is_null(key) else read_estimate(fields.child(key))


def _read_mean(fields: Fields, key: str) -> Estimate:
    """A mean with its standard deviation, without an interval."""
    if fields.is_null(key):
        return NO_ESTIMATE
    child = fields.child(key)
    return Estimate(mean=child.number("mean"), low=None, high=None, sd=child.number("sd"))
