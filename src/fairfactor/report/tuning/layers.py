"""Which layers and directions carried the groups: pictures and table, before and after."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import cell_bar
from fairfactor.report.scale import Scale
from fairfactor.report.tuning.details import DIGITS, Shift, group_names
from fairfactor.report.tuning.dumbbells import dumbbell_chart
from fairfactor.report.tuning.run import LayerReading, TuningRun
from fairfactor.report.wording import fixed, whole

DECISION = "decision"
_DECIDING = "scores that decide"
_TRUNK = "trunk."  # where a tuned factor network keeps the layers of the backbone


@dataclass(frozen=True)
class Readability:
    """How well one group can be told from the others: a picture, and rows of layer, old and new."""

    group: str
    chart: Markup
    rows: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class DirectionRow:
    """Shares of the group difference along the directions of one layer, with bars."""

    layer: str
    width: str
    model: str
    shares: tuple[tuple[str, Markup], ...]


def readabilities(run: TuningRun) -> tuple[Readability, ...]:
    """How well each group is told from the others by what each layer is given.

    Args:
        run: The tuning.

    Returns:
        One picture for each group, a single one for two groups, whose pictures are the same.
    """
    pairs = _pairs(run)
    values = [v for pair in pairs for one in pair if one for v in one.readability if v is not None]
    axis = Scale(min([0.5, *values]), 1.0)
    names = group_names(run)
    shown = [" or ".join(names)] if len(names) == 2 else list(names)
    return tuple(
        _readability(pairs, place, group, axis) for place, group in enumerate(shown) if pairs
    )


def direction_rows(run: TuningRun) -> tuple[DirectionRow, ...]:
    """Along which directions of each layer the groups differ.

    Args:
        run: The tuning.

    Returns:
        One row for each layer and model, one where both are the same; none for the scores, which
        have no directions.
    """
    return tuple(
        DirectionRow(
            layer=_short(reading),
            width=whole(reading.width),
            model=model,
            shares=tuple(
                (fixed(share, 2), cell_bar(share, 1.0)) for share in _with_rest(reading.shares)
            ),
        )
        for before, after in _pairs(run)
        for model, reading in (
            [("both", before)]  # a frozen network
            if before == after
            else [("unmitigated", before), (run.choice, after)]
        )
        if reading and reading.shares
    )


def _readability(
    pairs: list[tuple[LayerReading | None, LayerReading | None]],
    place: int,
    group: str,
    axis: Scale,
) -> Readability:
    shifts = [tuple(_shift(reading, place, axis) for reading in pair) for pair in pairs]
    return Readability(
        group=group,
        chart=dumbbell_chart([old for old, _ in shifts], [new for _, new in shifts], axis),
        rows=tuple(
            (_short(next(one for one in pair if one)), old.text, new.text)
            for pair, (old, new) in zip(pairs, shifts, strict=True)
        ),
    )


def _pairs(run: TuningRun) -> list[tuple[LayerReading | None, LayerReading | None]]:
    """Readings of the same layer, unmitigated and at the chosen point, the scores last."""
    if run.layers is None:
        return []
    before, after = (
        {_short(reading): reading for reading in readings}
        for readings in (run.layers.unmitigated, run.layers.chosen)
    )
    names = sorted(dict.fromkeys([*before, *after]), key=lambda name: name == _DECIDING)
    return [(before.get(name), after.get(name)) for name in names]


def _short(reading: LayerReading) -> str:
    return _DECIDING if reading.layer == DECISION else reading.layer.removeprefix(_TRUNK)


def _shift(reading: LayerReading | None, place: int, axis: Scale) -> Shift:
    value = dict(enumerate(reading.readability)).get(place) if reading else None
    if value is None:
        return Shift(fixed(None, DIGITS), None, None, None)
    position = axis.position(value)
    return Shift(fixed(value, DIGITS), position, position, position)


def _with_rest(shares: tuple[float | None, ...]) -> tuple[float, ...]:
    """The shares, and what is left for all other directions."""
    known = [share or 0.0 for share in shares]
    known += [0.0] * (3 - len(known))
    return (*known, max(0.0, 1.0 - sum(known)))
