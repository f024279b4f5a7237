"""Reading ``metrics.json`` of kind "tuning"."""

from __future__ import annotations

from collections.abc import Mapping

from fairfactor.errors import SavedModelError
from fairfactor.report.facts import read_estimate, read_estimates, read_facts
from fairfactor.report.fields import Fields
from fairfactor.report.run import NO_ESTIMATE, RATES
from fairfactor.report.tuning.run import (
    Confusion,
    Constraint,
    FeatureOutcomes,
    GroupOutcome,
    LayerReading,
    Layers,
    Loss,
    OperatingPoint,
    TuningRun,
)

LAYERS = ("unmitigated", "chosen")
"""The networks whose layers are read."""


def read_tuning(metrics: Mapping[str, object]) -> TuningRun:
    """Read the contents of ``metrics.json`` of a tuning.

    Args:
        metrics: The parsed file.

    Returns:
        The run as records.

    Raises:
        SavedModelError: If a key is missing, has a value of another type, or the chosen point is
            not among the points.
    """
    fields = Fields(metrics)
    points = tuple(_read_point(child) for child in fields.children("points"))
    chosen = fields.number("chosen")
    if chosen is not None and chosen not in range(len(points)):
        raise SavedModelError(
            f"metrics.json has {chosen:g} at 'chosen' where the index of one of {len(points)} "
            "points is expected: it is damaged or of another version. Run the study again."
        )
    return TuningRun(
        **vars(read_facts(fields)),
        constraints=tuple(
            Constraint(
                text=child.text("text"),
                metric=child.text("metric"),
                sign=child.text("sign"),
                bound=child.number("bound"),
            )
            for child in fields.children("constraints")
        ),
        confidence=fields.number("confidence"),
        met=fields.optional_flag("met"),
        chosen=None if chosen is None else int(chosen),
        unmitigated=_read_point(fields.child("unmitigated")),
        points=points,
        layers=(
            None
            if fields.is_null("layers")
            else Layers(*(_read_layers(fields.child("layers"), key) for key in LAYERS))
        ),
        single_features=tuple(
            FeatureOutcomes(
                feature=child.text("feature"),
                before=tuple(_read_group(group) for group in child.children("before")),
                after=tuple(_read_group(group) for group in child.children("after")),
            )
            for child in fields.optional_children("single_features")
        ),
        pretraining=tuple(
            Loss(**{key: child.number(key) for key in ("step", "training", "validation")})
            for child in fields.optional_children("pretraining")
        ),
    )


def _read_point(fields: Fields) -> OperatingPoint:
    return OperatingPoint(
        identifier=fields.text("id"),
        recipe=fields.text("recipe"),
        recipe_label=fields.text("recipe_label"),
        setting=fields.text("setting"),
        trained_parameters=fields.number("trained_parameters"),
        total_parameters=fields.number("total_parameters"),
        groups_at_prediction=fields.flag("groups_at_prediction"),
        on_frontier=fields.child("on_frontier").named_flags(),
        validation=read_estimates(fields.child("validation"), "value"),
        test=read_estimates(fields.child("test"), "value"),
        groups=tuple(_read_group(child) for child in fields.children("groups")),
        model=fields.optional_text("model"),
    )


def _read_group(fields: Fields) -> GroupOutcome:
    return GroupOutcome(
        name=fields.text("name"),
        count=fields.number("count"),
        rates={
            rate: NO_ESTIMATE
            if fields.is_null(rate)
            else read_estimate(fields.child(rate), "value")
            for rate in RATES
        },
        positives=fields.number("positives"),
        confusion=(
            None if fields.is_null("confusion") else _read_confusion(fields.child("confusion"))
        ),
    )


def _read_confusion(fields: Fields) -> Confusion:
    return Confusion(
        true_positives=fields.number("tp"),
        false_positives=fields.number("fp"),
        false_negatives=fields.number("fn"),
        true_negatives=fields.number("tn"),
    )


def _read_layers(fields: Fields, network: str) -> tuple[LayerReading, ...]:
    return tuple(
        LayerReading(
            layer=child.text("layer"),
            width=child.number("width"),
            readability=child.numbers("readability"),
            shares=child.numbers("shares"),
        )
        for child in fields.children(network)
    )
