"""Calibration by group: do predicted probabilities come true, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import cell_bar, element
from fairfactor.report.facts import read_estimate
from fairfactor.report.fields import Fields
from fairfactor.report.plane import Plane
from fairfactor.report.run import NO_ESTIMATE, Estimate
from fairfactor.report.scale import Scale
from fairfactor.report.wording import counted, fixed, whole

BEFORE_SERIES, AFTER_SERIES = 0, 4
DIAGRAM_HEIGHT = 190  # px
HISTOGRAM_HEIGHT = 34  # px
BAR_GAP = 0.7  # percent of the width
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
    without_diagram: int
    same: bool
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
    diagrams = tuple(
        _diagram(pair, place, models, bins)
        for place, pair in enumerate(pairs)
        if any(reading.bins for reading in pair if reading)
    )
    errors = [reading.error for pair in pairs for reading in pair if reading and reading.error]
    return CalibrationSection(
        models=models,
        of_positive_class=fields.flag("of_positive_class"),
        fewest_rows=whole(fields.number("fewest_rows")),
        diagrams=diagrams[:DIAGRAMS_SHOWN],
        more_diagrams=diagrams[DIAGRAMS_SHOWN:],
        without_diagram=len(pairs) - len(diagrams),
        same=before == after,
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
    model, last = (models[1], pair[1]) if pair[1] else (models[0], known)
    histogram = _histogram(last, bins, f"{identifier}-counts", model)
    return Diagram(known.name, counted(known.count, "row"), chart, histogram)


def _histogram(reading: Reading, bins: int, identifier: str, model: str) -> Markup:
    """Bars below a diagram, on its horizontal axis."""
    axis = Scale(0.0, 1.0)
    most = max((one.count or 0.0 for one in reading.bins), default=0.0)
    bars = [
        element(
            "rect",
            class_=f"bar series-{AFTER_SERIES}",
            x=f"{axis.position(one.place / bins) + BAR_GAP:g}%",
            y=round(HISTOGRAM_HEIGHT * (1 - one.count / most), 1),
            width=f"{axis.position(1 / bins) - axis.position(0.0) - 2 * BAR_GAP:g}%",
            height=round(HISTOGRAM_HEIGHT * one.count / most, 1),
        )
        for one in reading.bins
        if one.count and one.place < bins
    ]
    ends = {"x1": f"{axis.position(0.0):g}%", "x2": f"{axis.position(1.0):g}%"}
    floor = element("line", class_="floor", y1=HISTOGRAM_HEIGHT, y2=HISTOGRAM_HEIGHT, **ends)
    return element(
        "svg",
        element("title", f"Rows of {reading.name} by probability", id=f"{identifier}-title"),
        element(
            "desc",
            f"Rows of each bin of the model {model}, {whole(most)} in the fullest.",
            id=f"{identifier}-description",
        ),
        *bars,
        floor,
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-description",
        width="100%",
        height=HISTOGRAM_HEIGHT + 1,
    )


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
