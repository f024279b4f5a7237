"""Ours as a line with its band, and the peers as numbered marks: one picture for each gap."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import element
from fairfactor.report.peers.callouts import RADII, callout_offsets
from fairfactor.report.peers.run import Frontier, PeerRow, PeersRun
from fairfactor.report.plane import Plane
from fairfactor.report.run import NO_ESTIMATE, Estimate, Metric
from fairfactor.report.scale import Scale
from fairfactor.report.wording import fixed

ACCURACY = "accuracy"
NARROW = 290  # px, the width of a picture on a phone, where numbers are closest together
MARGIN = 4  # px that a number may go beyond the right end of a picture
OURS_SERIES = (4, 5)
TARGETS = {
    "none": ("no gap", 0),
    "demographic_parity": ("demographic parity", 1),
    "equalized_odds": ("equalised odds", 2),
}
OTHER_TARGET_SERIES = 6
SHOWN_ACCURACY = 0.06
"""How far below the most accurate method a picture goes; marks further down lie on its edge."""
SHOWN_ABOVE = 0.015
"""How far above the most accurate method a picture goes; intervals may end beyond its edge."""
SHOWN_GAP = 1.5
"""How many times the largest gap of ours a picture goes to the right."""


@dataclass(frozen=True)
class Picture:
    """Accuracy against one gap."""

    identifier: str
    gap: Metric
    chart: Markup


@dataclass(frozen=True)
class KeyEntry:
    """What a number in the pictures stands for; a missing row has a reason in its place."""

    number: str
    label: str
    series: int
    missing: str | None


def target_in_words(target: str) -> str:
    """What a method reduces.

    Args:
        target: Its target in the file.

    Returns:
        The target as a reader sees it.
    """
    return TARGETS[target][0] if target in TARGETS else target.replace("_", " ")


def row_series(row: PeerRow) -> int:
    """Colour and shape of a method: ours, or by what a peer reduces.

    Args:
        row: The method.

    Returns:
        The number of the series.
    """
    if row.ours:
        return OURS_SERIES[0]
    return TARGETS[row.target][1] if row.target in TARGETS else OTHER_TARGET_SERIES


def legend(run: PeersRun) -> tuple[tuple[int, str], ...]:
    """What the marks stand for.

    Args:
        run: The comparison.

    Returns:
        Colour and shape, and their meaning, for those that the pictures have.
    """
    entries = [(OURS_SERIES[0], "fairfactor")] if run.frontiers else []
    entries += [
        (row_series(row), "fairfactor" if row.ours else f"aims at {target_in_words(row.target)}")
        for row in run.measured
    ]
    return tuple(dict.fromkeys(entries))


def key_entries(run: PeersRun) -> tuple[KeyEntry, ...]:
    """The methods by number; those without results come last.

    Args:
        run: The comparison.

    Returns:
        One entry for each row.
    """
    absent = [row for row in run.rows if not row.summary]
    return tuple(
        KeyEntry(
            number=str(number) if row.summary else "",
            label=row.label,
            series=row_series(row),
            missing=None if row.summary else row.missing or "no result",
        )
        for number, row in enumerate([*run.measured, *absent], start=1)
    )


def pictures(run: PeersRun) -> tuple[Picture, ...]:
    """Draw accuracy against every gap, all with the same axis of accuracy.

    Args:
        run: The comparison.

    Returns:
        One picture for each gap.
    """
    estimates = [row.summary.get(ACCURACY, NO_ESTIMATE) for row in run.measured]
    estimates += [p.summary.get(ACCURACY, NO_ESTIMATE) for f in run.frontiers for p in f.points]
    means = [estimate.mean for estimate in estimates if estimate.mean is not None]
    best = max(means, default=0.0)
    floor, ceiling = best - SHOWN_ACCURACY, best + SHOWN_ABOVE
    shown = [e for e in estimates if e.mean is not None and e.mean >= floor]
    values = [
        min(max(value, floor), ceiling) for e in shown for value in e.parts if value is not None
    ]
    accuracy = Scale.covering(values, least_span=0.01)
    return tuple(
        _picture(run, gap, accuracy, f"picture-{index + 1}") for index, gap in enumerate(run.gaps)
    )


def _picture(run: PeersRun, gap: Metric, accuracy: Scale, identifier: str) -> Picture:
    frontiers = [frontier for frontier in run.frontiers if frontier.metric == gap.key]
    estimates = [row.summary.get(gap.key, NO_ESTIMATE) for _, row in aiming_at(run, gap)]
    ours = [across.mean or 0.0 for frontier in frontiers for across, _ in _places(frontier)]
    end = SHOWN_GAP * max(ours) if ours and max(ours) > 0 else math.inf
    values = [min(v, end) for e in estimates for v in e.parts if v is not None] + ours
    plane = Plane(across=Scale.covering(values, least_span=gap.least_span), up=accuracy)
    chart = plane.draw(
        *(
            shape
            for index, frontier in enumerate(frontiers)
            for shape in _frontier(plane, frontier, OURS_SERIES[index % len(OURS_SERIES)])
        ),
        *_marks(run, plane, gap),
        identifier=identifier,
        title=f"Accuracy against {gap.label}",
        description=_description(run, gap, frontiers),
    )
    return Picture(identifier, gap, chart)


def aiming_at(run: PeersRun, gap: Metric) -> Iterator[tuple[int, PeerRow]]:
    """The methods of a picture with their numbers: those that aim at its gap, or at none.

    Args:
        run: The comparison.
        gap: The gap of the picture.

    Yields:
        Number and method.
    """
    for number, row in enumerate(run.measured, start=1):
        if row.target not in TARGETS or row.target == "none" or gap.key.startswith(row.target):
            yield number, row


def _frontier(plane: Plane, frontier: Frontier, series: int) -> Iterator[Markup]:
    """The band of the accuracy's intervals, the line of the means, and a small mark for each."""
    places = _places(frontier)
    line = [
        (gap.mean, accuracy.mean)
        for gap, accuracy in places
        if gap.mean is not None and accuracy.mean is not None
    ]
    edges = [
        (gap.mean, accuracy.low, accuracy.high)
        for gap, accuracy in places
        if gap.mean is not None and accuracy.low is not None and accuracy.high is not None
    ]
    if len(edges) > 1:
        low, high = [(x, y) for x, y, _ in edges], [(x, y) for x, _, y in edges]
        yield plane.band(low, high, f"band series-{series}")
    if len(line) > 1:
        yield plane.line(line, f"ours series-{series}")
    for x, y in line:
        yield element("circle", class_=f"bar series-{series}", cx=plane.x(x), cy=plane.y(y), r=2.5)


def _places(frontier: Frontier) -> list[tuple[Estimate, Estimate]]:
    """Gap and accuracy of the points of a frontier, from the smallest gap."""
    found = [
        (point.summary.get(frontier.metric, NO_ESTIMATE), point.summary.get(ACCURACY, NO_ESTIMATE))
        for point in frontier.points
    ]
    known = [place for place in found if place[0].mean is not None and place[1].mean is not None]
    return sorted(known, key=lambda place: place[0].mean or 0.0)


def _marks(run: PeersRun, plane: Plane, gap: Metric) -> Iterator[Markup]:
    """Each method with its intervals, then the numbers in front of all marks."""
    drawn = [
        (str(number), row, across, up)
        for number, row in aiming_at(run, gap)
        if (across := row.summary.get(gap.key, NO_ESTIMATE)).mean is not None
        and (up := row.summary.get(ACCURACY, NO_ESTIMATE)).mean is not None
    ]
    for _, row, across, up in drawn:
        yield plane.mark(across, up, row_series(row))
    places = [(across.mean or 0.0, up.mean or 0.0) for _, _, across, up in drawn]
    pixels = [(plane.across.position(x) * NARROW / 100, plane.y(y)) for x, y in places]
    offsets = callout_offsets(
        pixels, [number for number, *_ in drawn], corner=(NARROW + MARGIN, plane.height)
    )
    for (number, *_), (x, y), (dx, dy) in zip(drawn, places, offsets, strict=True):
        far = abs(dx) > RADII[0] or abs(dy) > RADII[0]
        leader = [element("path", class_="leader", d=f"M0 0L{dx:g} {dy:g}")] if far else []
        text = element("text", number, class_="number", x=dx, y=dy + 4)
        yield element(
            "svg", *leader, text, class_="callout", aria_hidden="true", x=plane.x(x), y=plane.y(y)
        )


def _description(run: PeersRun, gap: Metric, frontiers: list[Frontier]) -> str:
    parts = []
    for frontier in frontiers:
        places = _places(frontier)
        if places:
            ends = [
                f"accuracy {fixed(accuracy.mean, 3)} at a gap of {fixed(across.mean, 3)}"
                for across, accuracy in (places[0], places[-1])
            ]
            parts.append(f"{frontier.label} goes from {ends[0]} to {ends[1]}")
    parts += [
        f"{number}, {row.label}: accuracy {fixed(row.summary.get(ACCURACY, NO_ESTIMATE).mean, 3)}, "
        f"gap {fixed(row.summary.get(gap.key, NO_ESTIMATE).mean, 3)}"
        for number, row in aiming_at(run, gap)
    ]
    return ". ".join(parts) + "." if parts else "Nothing was measured."
