"""Reading ``metrics.json`` (format 1) into the records of `fairfactor.report.run`."""

from __future__ import annotations

from collections.abc import Mapping

from fairfactor.errors import SavedModelError
from fairfactor.report.facts import read_estimate, read_estimates, read_facts
from fairfactor.report.fields import Fields
from fairfactor.report.run import (
    NO_ESTIMATE,
    RATES,
    FeatureRates,
    GroupRates,
    Importance,
    MethodResult,
    Replacement,
    Run,
    Tuning,
)

LOSSES = ("training_losses", "validation_losses")
"""Loss of every epoch, which older versions do not write."""


def read_run(metrics: Mapping[str, object]) -> Run:
    """Read the contents of ``metrics.json`` of a comparison of methods.

    Args:
        metrics: The parsed file.

    Returns:
        The run as records.

    Raises:
        SavedModelError: If a key is missing, has a value of another type, or the file is of
            another format.
    """  # noqa: DOC502 - raised by read_facts and Fields
    fields = Fields(metrics)
    return Run(
        **vars(read_facts(fields)),
        reference_methods=fields.texts("reference_methods"),
        methods=tuple(_read_method(child) for child in fields.children("methods")),
        importance=(
            None if fields.is_null("importance") else _read_importance(fields.child("importance"))
        ),
    )


def _read_method(fields: Fields) -> MethodResult:
    return MethodResult(
        identifier=fields.text("id"),
        method=fields.text("method"),
        rank=fields.number("rank"),
        label=fields.text("label"),
        trained_parameters=fields.number("trained_parameters"),
        total_parameters=fields.number("total_parameters"),
        summary=read_estimates(fields.child("summary")),
        differences={
            reference: read_estimates(child)
            for reference, child in fields.child("differences").named_children().items()
        },
        groups=tuple(_read_rates(child) for child in fields.children("groups")),
        single_features=tuple(
            FeatureRates(
                feature=child.text("feature"),
                groups=tuple(_read_rates(group) for group in child.children("groups")),
            )
            for child in fields.optional_children("single_features")
        ),
        replacement=(
            None
            if fields.is_null("replacement")
            else _read_replacement(fields.child("replacement"))
        ),
        tuning=tuple(
            Tuning(
                seed=child.number("seed"),
                learning_rate=child.number("learning_rate"),
                epoch=child.number("epoch"),
                validation_loss=child.number("validation_loss"),
                candidates=child.number("candidates"),
                **{key: child.numbers(key) for key in LOSSES if child.has(key)},
            )
            for child in fields.children("tuning")
        ),
        seeds=tuple(child.named_numbers() for child in fields.children("seeds")),
        seconds=fields.number("seconds"),
    )


def _read_rates(fields: Fields) -> GroupRates:
    rates = {
        rate: NO_ESTIMATE if fields.is_null(rate) else read_estimate(fields.child(rate))
        for rate in RATES
    }
    return GroupRates(name=fields.text("name"), count=fields.number("count"), rates=rates)


def _read_replacement(fields: Fields) -> Replacement:
    change = fields.child("relative_weight_change")
    return Replacement(
        mean_weight_change=change.number("mean"),
        maximum_weight_change=change.number("max"),
        parameters_before=fields.number("parameters_before"),
        parameters_after=fields.number("parameters_after"),
        break_even_rank=fields.number("break_even_rank"),
    )


def _read_importance(fields: Fields) -> Importance:
    groups = fields.texts("groups")
    rows = fields.matrix("row_importance")
    if len(rows) != len(groups):
        raise SavedModelError(
            f"metrics.json has {len(rows)} rows at 'importance.row_importance' for {len(groups)} "
            "groups: the file is damaged. Run the study again."
        )
    return Importance(
        layer=fields.text("layer"),
        groups=groups,
        rows=rows,
        neutralized=fields.numbers("neutralized"),
        correlation=fields.number("correlation"),
        scale_ratio=fields.number("scale_ratio"),
        zero_rows=fields.number("zero_rows"),
        seed=fields.number("seed"),
    )
