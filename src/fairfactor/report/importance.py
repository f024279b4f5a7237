"""The group Fisher picture, the paper's Figure 3: one strip of bars for each group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import bar_axis, bar_strip
from fairfactor.report.run import Importance
from fairfactor.report.wording import counted, fixed, significant, whole

MAXIMUM_BARS = 128
MAXIMUM_STRIPS = 12
MAXIMUM_TABLE_ROWS = 64
GROUP_SERIES = 0  # grey for every group: labels tell them apart, and colour marks the result
NEUTRALIZED_SERIES = 4


@dataclass(frozen=True)
class Strip:
    """One group's row importance as bars."""

    label: str
    maximum: str
    chart: Markup


@dataclass(frozen=True)
class ImportanceFigure:
    """The picture on two scales, with what it shows in words."""

    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    own_scale: tuple[Strip, ...]
    common_scale: tuple[Strip, ...]
    neutralized: Strip | None
    axis: Markup
    inputs: int
    groups: tuple[str, ...]
    table: tuple[tuple[str, ...], ...]


def importance_figure(importance: Importance) -> ImportanceFigure:
    """Draw the row importance of each group and the neutralised weights.

    Args:
        importance: The row importance of one layer.

    Returns:
        The figure; long rows are pooled and many groups cut, each with a note.
    """
    inputs = max((len(row) for row in importance.rows), default=0)
    pool = max(1, math.ceil(inputs / MAXIMUM_BARS))
    groups = importance.groups[:MAXIMUM_STRIPS]
    pooled = [_pooled(row, pool) for row in importance.rows[:MAXIMUM_STRIPS]]
    maxima = [_maximum(row) for row in importance.rows]
    overall = max(maxima, default=0.0)
    strips = [
        [
            Strip(
                label=group,
                maximum=significant(maxima[index]),
                chart=_strip(
                    pooled[index],
                    overall if common else maxima[index],
                    series=GROUP_SERIES,
                    identifier=f"importance-{'common' if common else 'own'}-{index}",
                    title=f"Row importance of {group}",
                    highest=_highest(importance.rows[index]),
                ),
            )
            for index, group in enumerate(groups)
        ]
        for common in (False, True)
    ]
    return ImportanceFigure(
        sentences=_sentences(importance, inputs),
        notes=_notes(importance, inputs, pool),
        own_scale=tuple(strips[0]),
        common_scale=tuple(strips[1]),
        neutralized=_neutralized_strip(importance, pool),
        axis=bar_axis(inputs) if inputs else Markup(""),
        inputs=inputs,
        groups=importance.groups,
        table=_table(importance, inputs),
    )


def _pooled(row: Sequence[float | None], pool: int) -> list[float | None]:
    """The largest of each ``pool`` neighbours."""
    return [_maximum(row[start : start + pool]) for start in range(0, len(row), pool)]


def _maximum(row: Sequence[float | None]) -> float:
    return max((value for value in row if value is not None), default=0.0)


def _highest(row: Sequence[float | None]) -> str:
    ranked = sorted(range(len(row)), key=lambda index: row[index] or 0.0, reverse=True)[:3]
    return ", ".join(f"{index + 1} ({significant(row[index])})" for index in ranked)


def _strip(
    row: Sequence[float | None],
    maximum: float,
    *,
    series: int,
    identifier: str,
    title: str,
    highest: str,
) -> Markup:
    return bar_strip(
        row,
        maximum,
        series=series,
        identifier=identifier,
        title=title,
        description=f"{len(row)} bars. Highest inputs: {highest}.",
    )


def _neutralized_strip(importance: Importance, pool: int) -> Strip | None:
    if not importance.neutralized:
        return None
    maximum = _maximum(importance.neutralized)
    chart = _strip(
        _pooled(importance.neutralized, pool),
        maximum,
        series=NEUTRALIZED_SERIES,
        identifier="importance-neutralised",
        title="Neutralised weights Î_N",
        highest=_highest(importance.neutralized),
    )
    return Strip(Markup("Neutralised weight Î<sub>N</sub>"), significant(maximum), chart)


def _sentences(importance: Importance, inputs: int) -> tuple[str, ...]:
    sentences = []
    if importance.correlation is not None:
        shape = next(
            words
            for least, words in (
                (0.9, "nearly the same shape"),
                (0.6, "a similar shape"),
                (0.3, "a partly similar shape"),
                (-2.0, "different shapes"),
            )
            if importance.correlation >= least
        )
        sentences.append(
            f"The groups’ profiles have {shape} (correlation {fixed(importance.correlation, 2)})."
        )
    if importance.scale_ratio is not None and len(importance.groups) > 1:
        means = [sum(value or 0.0 for value in row) for row in importance.rows]
        most = importance.groups[means.index(max(means))]
        least = importance.groups[means.index(min(means))]
        sentences.append(
            f"They differ in scale by a factor of {significant(importance.scale_ratio)}: "
            f"importance is largest for {most} and smallest for {least}, so an unscaled mean "
            f"follows {most} more."
        )
    if importance.zero_rows:
        sentences.append(
            f"{whole(importance.zero_rows)} of {counted(inputs, 'input')} "
            f"{'has' if importance.zero_rows == 1 else 'have'} no importance for any group, "
            "as happens with hidden units that never fire."
        )
    return tuple(sentences)


def _notes(importance: Importance, inputs: int, pool: int) -> tuple[str, ...]:
    notes = []
    if pool > 1:
        notes.append(
            f"Each bar is the largest of {pool} neighbouring inputs, since {whole(inputs)} "
            "bars would not fit."
        )
    if len(importance.groups) > MAXIMUM_STRIPS:
        notes.append(
            f"The first {MAXIMUM_STRIPS} of {len(importance.groups)} groups are drawn; "
            "metrics.json holds all of them."
        )
    return tuple(notes)


def _table(importance: Importance, inputs: int) -> tuple[tuple[str, ...], ...]:
    """The numbers behind the picture, if they are few enough to read."""
    if inputs > MAXIMUM_TABLE_ROWS or len(importance.groups) > MAXIMUM_STRIPS:
        return ()
    columns = [*importance.rows, importance.neutralized]
    return tuple(
        tuple(significant(row[index] if index < len(row) else None, 3) for row in columns)
        for index in range(inputs)
    )
