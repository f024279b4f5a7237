"""Reading ``metrics.json`` (format 1) into the records of `fairfactor.report.run`."""

from __future__ import annotations

from collections.abc import Mapping

from fairfactor.errors import SavedModelError
from fairfactor.report.fields import Fields
from fairfactor.report.run import (
    NO_ESTIMATE,
    RATES,
    DataSummary,
    Estimate,
    Finding,
    GroupCounts,
    GroupRates,
    Importance,
    MethodResult,
    Metric,
    Replacement,
    Run,
    Tuning,
)

FORMAT = 1


def read_run(metrics: Mapping[str, object]) -> Run:
    """Read the contents of ``metrics.json``.

    Args:
        metrics: The parsed file.

    Returns:
        The run as records.

    Raises:
        SavedModelError: If a key is missing, has a value of another type, or the file is of
            another format.
    """
    fields = Fields(metrics)
    if fields.number("format") != FORMAT:
        raise SavedModelError(
            f"metrics.json has format {fields.text('format')}, and this version reads {FORMAT}. "
            "Run the study again, or use the version of fairfactor that wrote it."
        )
    verdict = fields.child("verdict")
    return Run(
        version=fields.text("fairfactor_version"),
        data=_read_data(fields.child("data")),
        reference_methods=fields.texts("reference_methods"),
        methods=tuple(_read_method(child) for child in fields.children("methods")),
        metrics=tuple(_read_metric(child) for child in fields.children("metrics")),
        importance=(
            None if fields.is_null("importance") else _read_importance(fields.child("importance"))
        ),
        findings=tuple(
            Finding(child.text("severity"), child.text("text"))
            for child in fields.children("findings")
        ),
        headline=verdict.text("headline"),
        sentences=verdict.texts("sentences"),
        seconds=fields.child("seconds").named_numbers(),
        environment=fields.child("environment").named_texts(),
    )


def _read_data(fields: Fields) -> DataSummary:
    splits = fields.child("splits").named_numbers()
    return DataSummary(
        name=fields.text("name"),
        description=fields.text("description"),
        licence=fields.text("licence"),
        citation=fields.text("citation"),
        rows=fields.number("rows"),
        splits=splits,
        target=fields.text("target"),
        positive_class=fields.text("positive_class"),
        sensitive_features=fields.texts("sensitive_features"),
        features=fields.texts("features"),
        groups=tuple(
            GroupCounts(
                name=child.text("name"),
                counts={split: child.number(split) for split in splits},
                positive_rate=child.number("positive_rate"),
            )
            for child in fields.children("groups")
        ),
    )


def _read_metric(fields: Fields) -> Metric:
    return Metric(
        key=fields.text("key"),
        label=fields.text("label"),
        unit="" if fields.is_null("unit") else fields.text("unit"),
        lower_is_better=fields.flag("lower_is_better"),
        meaning=fields.text("meaning"),
    )


def _read_method(fields: Fields) -> MethodResult:
    return MethodResult(
        identifier=fields.text("id"),
        method=fields.text("method"),
        rank=fields.number("rank"),
        label=fields.text("label"),
        trained_parameters=fields.number("trained_parameters"),
        total_parameters=fields.number("total_parameters"),
        summary=_read_estimates(fields.child("summary")),
        differences={
            reference: _read_estimates(child)
            for reference, child in fields.child("differences").named_children().items()
        },
        groups=tuple(_read_rates(child) for child in fields.children("groups")),
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
            )
            for child in fields.children("tuning")
        ),
        seeds=tuple(child.named_numbers() for child in fields.children("seeds")),
        seconds=fields.number("seconds"),
    )


def _read_estimates(fields: Fields) -> dict[str, Estimate]:
    return {key: _read_estimate(child) for key, child in fields.named_children().items()}


def _read_estimate(fields: Fields) -> Estimate:
    optional = {key: fields.number(key) for key in ("sd", "n", "p_value") if fields.has(key)}
    return Estimate(
        mean=fields.number("mean"), low=fields.number("low"), high=fields.number("high"), **optional
    )


def _read_rates(fields: Fields) -> GroupRates:
    rates = {
        rate: NO_ESTIMATE if fields.is_null(rate) else _read_estimate(fields.child(rate))
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
