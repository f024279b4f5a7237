"""What the cells of a study say together: rows, claims, gaps, findings and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fairfactor.intervals import Interval, mean_interval
from fairfactor.reproduction.cells import Result, metric_values
from fairfactor.reproduction.paper import METRICS, Numbers
from fairfactor.reproduction.verdict import judge_claim, judge_number

DIGITS = {"paper_error": 2, "trained_parameters": 0, "total_parameters": 0, "seconds": 2}
"""Decimals of a column; three for all others."""

Picture = Mapping[str, Any]
"""What `fairfactor.reproduction.pictures` draws, as JSON values, with its ``kind``."""


@dataclass(frozen=True, eq=False)
class Row:
    """One line of a study's table.

    Attributes:
        label: What was run.
        values: By column one value a seed.
        paper: The paper's numbers, if it has this row.
    """

    label: str
    values: Mapping[str, Sequence[float]]
    paper: Numbers = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        label: str,
        results: Sequence[Result],
        paper: Numbers | None = None,
        *,
        metrics: Sequence[str] = tuple(METRICS),
        fields: Sequence[str] = (),
    ) -> Row:
        """Take a row from results.

        Args:
            label: What was run.
            results: One a seed.
            paper: The paper's numbers.
            metrics: Which metrics are its columns.
            fields: Further columns: numbers of a result beside its metrics.

        Returns:
            The row.
        """
        values = {metric: metric_values(results, metric) for metric in metrics}
        for name in fields:
            values[name] = [
                math.nan if result[name] is None else float(result[name]) for result in results
            ]
        return cls(label, values, paper or {})


@dataclass(frozen=True, eq=False)
class Claim:
    """Something that the paper says changes a metric.

    Attributes:
        text: The claim, in a sentence without a full stop.
        metric: Explicit name of the metric.
        first: Row of what is said to be changed.
        second: Row of what it is compared with.
        claimed: The paper's first minus its second.
    """

    text: str
    metric: str
    first: Row
    second: Row
    claimed: float


@dataclass(frozen=True)
class Gap:
    """A row of the paper that was not run.

    Attributes:
        label: Its name.
        reason: Why.
    """

    label: str
    reason: str


@dataclass(frozen=True, eq=False)
class Report:
    """What a study found.

    Attributes:
        rows: Its table.
        columns: Label of each column.
        claims: Claims of the paper.
        gaps: What is missing.
        findings: Plain sentences made from the numbers.
        lessons: What it means for a user, in plain sentences made from the numbers.
        pictures: What to draw, by the name of the file without its ending.
    """

    rows: Sequence[Row]
    columns: Mapping[str, str] = field(default_factory=lambda: dict(METRICS))
    claims: Sequence[Claim] = ()
    gaps: Sequence[Gap] = ()
    findings: Sequence[str] = ()
    lessons: Sequence[str] = ()
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values, with the verdicts.

        Returns:
            One entry a part.
        """
        return {
            "columns": dict(self.columns),
            "rows": [_row(row) for row in self.rows],
            "claims": [_claim(claim) for claim in self.claims],
            "gaps": [asdict(gap) for gap in self.gaps],
            "findings": list(self.findings),
            "lessons": list(self.lessons),
            "pictures": {name: dict(picture) for name, picture in self.pictures.items()},
        }


def over_seeds(values: Sequence[float]) -> Interval | None:
    """Mean over the seeds where a value is defined; ``None`` if there is none."""
    defined = [value for value in values if math.isfinite(value)]
    return mean_interval(defined) if defined else None


def written(values: Sequence[float], column: str) -> str:
    """Write a mean and standard deviation as tables show them.

    Args:
        values: One a seed.
        column: Name of the column, which decides the decimals.

    Returns:
        ``mean ± sd``.
    """
    interval = over_seeds(values)
    return "—" if interval is None else mean_and_sd(interval.mean, interval.sd, column)


def mean_and_sd(mean: float, sd: float | None, column: str) -> str:
    """Write a mean and standard deviation.

    Args:
        mean: The mean.
        sd: The standard deviation, if there is one; one of exactly zero is left out.
        column: Name of the column, which decides the decimals.

    Returns:
        ``mean ± sd``.
    """
    digits = DIGITS.get(column, 3)
    spread = "" if sd is None or math.isnan(sd) or sd == 0 else f" ± {sd:.{digits}f}"
    return f"{mean:,.{digits}f}{spread}".replace("-", "−")


def _row(row: Row) -> dict[str, Any]:
    columns = {}
    for name, values in row.values.items():
        interval = over_seeds(values)
        columns[name] = {
            "values": [round(value, 6) if math.isfinite(value) else None for value in values],
            "ours": None if interval is None else {"mean": interval.mean, "sd": interval.sd},
            **_judged(row, name, values),
        }
    return {"label": row.label, "columns": columns}


def _judged(row: Row, name: str, values: Sequence[float]) -> dict[str, Any]:
    """The paper's number with the verdict on it, where the paper has one."""
    defined = [value for value in values if math.isfinite(value)]
    if name not in row.paper or not defined:
        return {}
    paper = row.paper[name]
    judgement = judge_number(defined, paper, name)
    return {
        "paper": asdict(paper),
        "difference": _interval(judgement.difference),
        "verdict": judgement.verdict,
    }


def _claim(claim: Claim) -> dict[str, Any]:
    first, second = (row.values[claim.metric] for row in (claim.first, claim.second))
    judgement = judge_claim(first, second, claim.claimed)
    return {
        "text": claim.text,
        "metric": claim.metric,
        "first": claim.first.label,
        "second": claim.second.label,
        "claimed": round(claim.claimed, 6),
        "difference": _interval(judgement.difference),
        "verdict": judgement.verdict,
    }


def _interval(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}
