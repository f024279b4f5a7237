"""Dumbbells: where a rate of each group was, and where it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import AXIS_HEIGHT, MARK_OFFSET, ROW_HEIGHT, element
from fairfactor.report.run import RATES
from fairfactor.report.scale import Scale
from fairfactor.report.tuning.details import Detail, Shift, group_names, shift_axes
from fairfactor.report.tuning.run import TuningRun

AFTER_SERIES = 4


@dataclass(frozen=True)
class Dumbbells:
    """One rate of all groups, before and after."""

    rate: str
    chart: Markup
    rows: tuple[tuple[str, str, str], ...]


def dumbbells(run: TuningRun, before: Detail, after: Detail) -> tuple[Dumbbells, ...]:
    """Draw each rate of all groups.

    Args:
        run: The tuning.
        before: Of the unmitigated model.
        after: Of the point to show.

    Returns:
        One chart for each of `RATES`; its rows are group, rate before and rate after.
    """
    names = group_names(run)
    return tuple(
        Dumbbells(
            rate=rate,
            chart=dumbbell_chart(before.rates[index], after.rates[index], axis),
            rows=tuple(
                (name, old.text, new.text)
                for name, old, new in zip(
                    names, before.rates[index], after.rates[index], strict=True
                )
            ),
        )
        for index, (rate, axis) in enumerate(zip(RATES, shift_axes(run), strict=True))
    )


def dumbbell_chart(before: Sequence[Shift], after: Sequence[Shift], axis: Scale) -> Markup:
    """Draw one row for each pair of values.

    A list beside the chart says all that it shows, so it is hidden from screen readers.

    Args:
        before: Where each value was.
        after: Where it went.
        axis: The axis of both.

    Returns:
        The chart.
    """
    height = ROW_HEIGHT * len(before)
    ticks = axis.ticks(3)
    grid = [
        element("line", x1=f"{axis.position(t)}%", x2=f"{axis.position(t)}%", y1=0, y2=height)
        for t, _ in ticks
    ]
    return element(
        "svg",
        element("g", *grid, class_="grid"),
        *(
            _row(old, new, ROW_HEIGHT * index + MARK_OFFSET)
            for index, (old, new) in enumerate(zip(before, after, strict=True))
        ),
        *(
            element("text", label, class_="tick", x=f"{axis.position(tick)}%", y=height + 18)
            for tick, label in ticks
        ),
        aria_hidden="true",
        width="100%",
        height=height + AXIS_HEIGHT,
    )


def _row(old: Shift, new: Shift, y: int) -> Markup:
    start = new.middle if old.middle is None else old.middle
    parts = [
        _line("extent before", old.low, old.high, y),
        _line("extent after", new.low, new.high, y),
        _line("shift", start, new.middle, y),
    ]
    if old.middle is not None:
        parts.append(element("circle", class_="was", cx=f"{old.middle}%", cy=y, r=5))
    mark = {"href": f"#mark-{AFTER_SERIES}", "x": f"{new.middle or 0}%", "y": y}
    parts.append(element("use", class_=f"mark series-{AFTER_SERIES}", **mark))
    return element("g", *parts, class_="dumbbell", **({"hidden": ""} if new.middle is None else {}))


def _line(kind: str, start: float | None, end: float | None, y: int) -> Markup:
    return element("line", class_=kind, x1=f"{start or 0}%", x2=f"{end or 0}%", y1=y, y2=y)
