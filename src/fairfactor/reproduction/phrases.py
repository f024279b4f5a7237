"""Sentences and pictures that several studies make from their numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fairfactor.intervals import Interval, paired_difference
from fairfactor.reproduction.outcome import DIGITS, Claim, Picture, Row, over_seeds
from fairfactor.reproduction.paper import METRICS, RUNS
from fairfactor.reproduction.verdict import judge_claim, judge_number


def claims_sentence(about: str, claims: Sequence[Claim]) -> str:
    """Count the verdicts on claims.

    Args:
        about: What they say, to stand after "claims that".
        claims: The claims.

    Returns:
        A sentence.
    """
    counts = Counter(
        judge_claim(
            claim.first.values[claim.metric], claim.second.values[claim.metric], claim.claimed
        ).verdict
        for claim in claims
    )
    return (
        f"Of {len(claims)} claims that {about}, {counts['reproduces']} reproduce, "
        f"{counts['does not reproduce']} do not, and {counts['cannot be decided']} cannot be "
        "decided."
    )


def points(interval: Interval, metric: str) -> str:
    """Write an interval of a metric in percentage points.

    Args:
        interval: The interval, in the metric's own unit.
        metric: Explicit name of the metric.

    Returns:
        Mean and ends.
    """
    scale = 1 if metric == "paper_error" else 100
    mean, low, high = (scale * end for end in (interval.mean, interval.low, interval.high))
    return f"{mean:+.2f} points ({low:+.2f} to {high:+.2f})".replace("-", "−")


def signed(change: float, metric: str) -> str:
    """Write a change of a metric as the paper has it.

    Args:
        change: The change, in the metric's own unit.
        metric: Explicit name of the metric.

    Returns:
        The number with its sign.
    """
    return f"{change:+.{DIGITS.get(metric, 3)}f}".replace("-", "−")


def mean_points(rows: Sequence[Row], metric: str) -> str:
    """Write the mean of a gap over rows and seeds in percentage points.

    Args:
        rows: The rows.
        metric: Explicit name of the gap.

    Returns:
        The number.
    """
    means = [interval.mean for row in rows if (interval := over_seeds(row.values[metric]))]
    return f"{100 * sum(means) / len(means):.1f}"


def mark(series: str, values: Sequence[float]) -> dict[str, Any]:
    """A mark of a picture: a mean with its 95 % interval.

    Args:
        series: Name of the series that it belongs to.
        values: One a seed.

    Returns:
        JSON values.
    """
    interval = over_seeds(values)
    if interval is None:
        return {"series": series, "mean": None, "low": None, "high": None}
    ends = {"low": interval.low, "high": interval.high}
    return {
        "series": series,
        "mean": interval.mean,
        **{name: end if math.isfinite(end) else None for name, end in ends.items()},
    }


def interval_picture(
    title: str, rows: Sequence[Row], metrics: Mapping[str, str] = MappingProxyType(METRICS)
) -> Picture:
    """A panel for each metric, in which each row has our interval and the paper's number.

    Args:
        title: Title of the picture.
        rows: The rows.
        metrics: Label of each metric; those of the paper by default.

    Returns:
        The picture.
    """
    return {
        "kind": "intervals",
        "title": title,
        "panels": [
            {
                "label": label,
                "rows": [{"label": row.label, "marks": _marks(row, metric)} for row in rows],
            }
            for metric, label in metrics.items()
        ],
    }


def line_picture(
    title: str,
    x_label: str,
    y_label: str,
    series: Mapping[str, Sequence[tuple[float, Sequence[float]]]],
    *,
    paper: Sequence[tuple[float, float]] = (),
    logarithmic: bool = False,
) -> Picture:
    """Lines through means, with a band for their 95 % intervals.

    Args:
        title: Title of the picture.
        x_label: Label of the horizontal axis.
        y_label: Label of the vertical axis.
        series: By name the places and there one value a seed.
        paper: Places and values of the paper's line.
        logarithmic: Whether the horizontal axis is.

    Returns:
        The picture.
    """
    return {
        "kind": "lines",
        "title": title,
        "x_label": x_label,
        "y_label": y_label,
        "logarithmic": logarithmic,
        "series": [
            {
                "name": name,
                "points": [{"x": x, **mark(name, values)} for x, values in line],
            }
            for name, line in series.items()
        ],
        "paper": [{"x": x, "mean": y} for x, y in paper],
    }


def _marks(row: Row, metric: str) -> list[dict[str, Any]]:
    marks = [mark("ours", row.values[metric])]
    if metric in row.paper:
        number = row.paper[metric]
        # The standard error of a mean over 10 runs; t of 9 degrees of freedom is 2.26.
        half = 0.0 if number.sd is None else 2.262 * number.sd / RUNS**0.5
        marks.append(
            {
                "series": "paper",
                "mean": number.mean,
                "low": number.mean - half,
                "high": number.mean + half,
            }
        )
    return marks


def spread_sentence(what: str, rows: Sequence[Row]) -> str:
    """Say how far apart the means of some rows lie.

    Args:
        what: What differs between them.
        rows: The rows.

    Returns:
        A sentence.
    """
    parts = []
    for metric, label in METRICS.items():
        means = [i.mean for row in rows if (i := over_seeds(row.values[metric]))]
        scale = 1 if metric == "paper_error" else 100
        parts.append(f"{label.removesuffix(' %')} by {scale * (max(means) - min(means)):.2f}")
    return f"Over all values of {what}, means differ at most by (points): {', '.join(parts)}."


def numbers_sentence(rows: Sequence[Row]) -> str:
    """Count the verdicts on the numbers of some rows.

    Args:
        rows: Rows with numbers of the paper.

    Returns:
        A sentence.
    """
    counts = Counter(
        judge_number(row.values[metric], number, metric).verdict
        for row in rows
        for metric, number in row.paper.items()
    )
    return (
        f"Of {counts.total()} numbers of the paper, {counts['reproduces']} reproduce, "
        f"{counts['does not reproduce']} do not, and {counts['cannot be decided']} cannot be "
        "decided."
    )


def difference_sentence(where: str, ours: Row, other: Row) -> str:
    """Say how a row differs from another in each metric, paired over seeds.

    Args:
        where: Start of the sentence.
        ours: The row.
        other: What is subtracted.

    Returns:
        A sentence with the intervals.
    """
    parts = [
        f"{label.removesuffix(' %')} {points(paired_difference(*pair), metric)}"
        for metric, label in METRICS.items()
        for pair in [(ours.values[metric], other.values[metric])]
    ]
    return f"{where}, {ours.label} minus {other.label}: {'; '.join(parts)}."
