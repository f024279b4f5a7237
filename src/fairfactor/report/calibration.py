"""Calibration by group: do predicted probabilities come true, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import bar_strip, cell_bar
from fairfactor.report.facts import read_estimate
from fairfactor.report.fields import Fields
from fairfactor.report.plane import Plane
from fairfactor.report.run import NO_ESTIMATE, Estimate
from fairfactor.report.scale import Scale
from fairfactor.report.wording import counted, fixed, whole

BEFORE_SERIES, AFTER_SERIES = 0, 4
DIAGRAM_HEIGHT = 190  # px
DIAGRAMS_SHOWN = 6  # of the largest groups; the others are folded away
DIGITS = 3
MOST_BINS = 100


@dataclass(frozen=True)
class Bin:
    """Rows with nearly the same probability."""

    place: int
    count: float | None
    probability: Estimate
    rate: Estimate


@dataclass(frozen=True)
class Reading:
    """One model in one group."""

    name: str
    count: float | None
    suppressed: float | None
    error: float | None
    error_by_chance: float | None
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Diagram:
    """The reliability diagram of one group, both models in it."""

    name: str
    count: str
    chart: Markup
    histogram: Markup


@dataclass(frozen=True)
class ErrorRow:
    """Calibration errors of one group: texts, and for each model a text with a bar."""

    name: str
    count: str
    errors: tuple[tuple[str, str, Markup], ...]
    suppressed: str


@dataclass(frozen=True)
class NumberRow:
    """One bin of one model in one group."""

    name: str
    model: str
    count: str
    probability: str
    rate: str
    interval: str


@dataclass(frozen=True)
class CalibrationSection:
    """All that the section shows."""

    models: tuple[str, str]
    of_positive_class: bool
    fewest_rows: str
    diagrams: tuple[Diagram, ...]
    more_diagrams: tuple[Diagram, ...]
    errors: tuple[ErrorRow, ...]
    numbers: tuple[NumberRow, ...]


def calibration_section(
    metrics: Mapping[str, object], models: tuple[str, str]
) -> CalibrationSection | None:
    """Draw the calibration of two models.

    Args:
        metrics: The contents of ``metrics.json``.
        models: What to call the model before and the model after.

    Returns:
        The section; ``None`` for a run without calibration, as those of older versions.
    """
    if metrics.get("calibration") is None:
        return None
    fields = Fields(metrics).child("calibration")
    before, after = (
        {reading.name: reading for reading in map(_read_reading, fields.children(key))}
        for key in ("before", "after")
    )
    pairs = [(before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after])]
    pairs.sort(key=lambda pair: -(_known(pair).count or 0))
    bins = min(MOST_BINS, max(1, int(fields.number("bins") or 1)))
    diagrams = tuple(_diagram(pair, place, models, bins) for place, pair in enumerate(pairs))
    errors = [reading.error for pair in pairs for reading in pair if reading and reading.error]
    return CalibrationSection(
        models=models,
        of_positive_class=fields.flag("of_positive_class"),
        fewest_rows=whole(fields.number("fewest_rows")),
        diagrams=diagrams[:DIAGRAMS_SHOWN],
        more_diagrams=diagrams[DIAGRAMS_SHOWN:],
        errors=tuple(_error_row(pair, max(errors, default=0.0)) for pair in pairs),
        numbers=tuple(
            _number_row(reading.name, model, one)
            for pair in pairs
            for model, reading in zip(models, pair, strict=True)
            if reading
            for one in reading.bins
        ),
    )


def _read_reading(fields: Fields) -> Reading:
    return Reading(
        name=fields.text("name"),
        count=fields.number("count"),
        suppressed=fields.number("suppressed"),
        error=fields.number("error"),
        error_by_chance=fields.number("error_by_chance"),
        bins=tuple(_read_bin(child) for child in fields.children("bins")),
    )


def _read_bin(fields: Fields) -> Bin:
    probability = fields.number("probability")
    return Bin(
        place=int(fields.number("place") or 0),
        count=fields.number("count"),
        probability=Estimate(probability, None, None),
        rate=NO_ESTIMATE
        if fields.is_null("rate")
        else read_estimate(fields.child("rate"), "value"),
    )


def _known(pair: tuple[Reading | None, Reading | None]) -> Reading:
    return next(reading for reading in pair if reading)


def _diagram(
    pair: tuple[Reading | None, Reading | None], place: int, models: tuple[str, str], bins: int
) -> Diagram:
    identifier = f"calibration-{place}"
    plane = Plane(across=Scale(0.0, 1.0), up=Scale(0.0, 1.0), height=DIAGRAM_HEIGHT)
    marks = [
        plane.mark(one.probability, one.rate, series)
        for reading, series in zip(pair, (BEFORE_SERIES, AFTER_SERIES), strict=True)
        if reading
        for one in reading.bins
    ]
    known = _known(pair)
    chart = plane.draw(
        plane.line([(0, 0), (1, 1)], "ideal"),
        *marks,
        identifier=identifier,
        title=f"Reliability in {known.name}",
        description="; ".join(
            f"{model}: expected calibration error "
            f"{fixed(reading.error if reading else None, DIGITS)}"
            for model, reading in zip(models, pair, strict=True)
        )
        + ". The bins are in the table below.",
    )
    last = pair[1] or known
    counts = dict.fromkeys(range(bins), 0.0) | {one.place: one.count or 0.0 for one in last.bins}
    heights = [counts[index] for index in range(bins)]
    histogram = bar_strip(
        heights,
        max(heights),
        series=AFTER_SERIES if pair[1] else BEFORE_SERIES,
        identifier=f"{identifier}-counts",
        title=f"Rows of {known.name} by probability",
        description=f"Rows of the {models[1] if pair[1] else models[0]} model in each bin, "
        f"{whole(max(heights))} in the fullest.",
    )
    return Diagram(known.name, counted(known.count, "row"), chart, histogram)


def _error_row(pair: tuple[Reading | None, Reading | None], largest: float) -> ErrorRow:
    known = _known(pair)
    suppressed = " / ".join(whole(reading.suppressed) for reading in pair if reading)
    return ErrorRow(
        name=known.name,
        count=whole(known.count),
        errors=tuple(
            (
                fixed(reading.error if reading else None, DIGITS),
                fixed(reading.error_by_chance if reading else None, DIGITS),
                cell_bar(reading.error if reading else None, largest),
            )
            for reading in pair
        ),
        suppressed=suppressed,
    )


def _number_row(name: str, model: str, one: Bin) -> NumberRow:
    interval = ""
    if one.rate.has_interval:
        interval = f"{fixed(one.rate.low, DIGITS)} to {fixed(one.rate.high, DIGITS)}"
    return NumberRow(
        name=name,
        model=model,
        count=whole(one.count),
        probability=fixed(one.probability.mean, DIGITS),
        rate=fixed(one.rate.mean, DIGITS),
        interval=interval,
    )
