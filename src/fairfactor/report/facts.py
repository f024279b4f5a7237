"""Reading what runs of every kind say about themselves."""

from __future__ import annotations

from fairfactor.errors import SavedModelError
from fairfactor.report.fields import Fields
from fairfactor.report.run import DataSummary, Estimate, Finding, GroupCounts, Metric, RunFacts

FORMAT = 1


def read_facts(fields: Fields) -> RunFacts:
    """Read the part of ``metrics.json`` that runs of every kind have.

    Args:
        fields: The whole file.

    Returns:
        The facts, whose fields are those that every record of a run begins with.

    Raises:
        SavedModelError: If the file is of another format.
    """
    if fields.number("format") != FORMAT:
        raise SavedModelError(
            f"metrics.json has format {fields.text('format')}, and this version reads {FORMAT}. "
            "Run the study again, or use the version of fairfactor that wrote it."
        )
    verdict = fields.child("verdict")
    return RunFacts(
        version=fields.text("fairfactor_version"),
        data=_read_data(fields.child("data")),
        metrics=tuple(_read_metric(child) for child in fields.children("metrics")),
        findings=tuple(
            Finding(child.text("severity"), child.text("text"))
            for child in fields.children("findings")
        ),
        headline=verdict.text("headline"),
        sentences=verdict.texts("sentences"),
        seconds=fields.child("seconds").named_numbers(),
        environment=fields.child("environment").named_texts(),
    )


def read_estimates(fields: Fields, centre: str = "mean") -> dict[str, Estimate]:
    """Read an object of estimates; entries that are null are left out.

    Args:
        fields: The object.
        centre: Key of the value in the middle of each interval.

    Returns:
        The estimates by key.
    """
    return {key: read_estimate(child, centre) for key, child in fields.named_children().items()}


def read_estimate(fields: Fields, centre: str = "mean") -> Estimate:
    """Read a value with its interval.

    Args:
        fields: The object.
        centre: Key of the value in the middle.

    Returns:
        The estimate.
    """
    optional = {key: fields.number(key) for key in ("sd", "n", "p_value") if fields.has(key)}
    return Estimate(
        mean=fields.number(centre), low=fields.number("low"), high=fields.number("high"), **optional
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
