"""Open question: does the best α depend on data and architecture?"""

from __future__ import annotations

from collections.abc import Sequence

from fairfactor.reproduction import paper
from fairfactor.reproduction.backbones import ARCHITECTURES
from fairfactor.reproduction.cells import Cells, Configuration
from fairfactor.reproduction.measure import run_method
from fairfactor.reproduction.outcome import Gap, Report, Row, over_seeds
from fairfactor.reproduction.phrases import line_picture, spread_sentence
from fairfactor.reproduction.problems import DATA_SETS, usable
from fairfactor.reproduction.study import Study

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
DATA = ("adult", "adult-schooling", "german", "census-income")


def _pairs() -> list[tuple[str, str]]:
    """Data sets and architectures: all on Adult, the MLP on the others."""
    return [
        (data, architecture)
        for data in usable(DATA)
        for architecture in (ARCHITECTURES if data == "adult" else ("mlp-2",))
    ]


def _configurations() -> list[Configuration]:
    return [
        {
            "data": data,
            "architecture": architecture,
            "method": "neutralized",
            "rank": 1,
            "alpha": alpha,
        }
        for data, architecture in _pairs()
        for alpha in ALPHAS
    ]


def pareto_front(rows: Sequence[Row], metrics: tuple[str, str]) -> list[Row]:
    """The rows that no other is better than in both metrics, by their means.

    Args:
        rows: Rows; smaller is better.
        metrics: Two metrics.

    Returns:
        Those rows, in their order.
    """
    means = [[mean.mean for m in metrics if (mean := over_seeds(row.values[m]))] for row in rows]
    return [
        row
        for row, own in zip(rows, means, strict=True)
        if not any(
            all(a <= b for a, b in zip(other, own, strict=True)) and other != own for other in means
        )
    ]


def _report(cells: Cells) -> Report:
    rows: list[Row] = []
    findings: list[str] = []
    lines = {}
    for data, architecture in _pairs():
        where = f"{DATA_SETS[data].label}, {ARCHITECTURES[architecture]}"
        own = {
            alpha: Row.of(
                f"{where}: α = {alpha:g}",
                cells.one(data=data, architecture=architecture, alpha=alpha),
            )
            for alpha in ALPHAS
        }
        rows += own.values()
        front = pareto_front(list(own.values()), ("paper_error", "demographic_parity_difference"))
        names = ", ".join(row.label.rsplit(" ", 1)[1] for row in front)
        findings.append(spread_sentence(f"α on {where}", list(own.values())))
        findings.append(f"{where}: on the front of Err and ΔDP (by means) are α = {names}.")
        lines[where] = [
            (alpha, row.values["demographic_parity_difference"]) for alpha, row in own.items()
        ]
    return Report(
        rows,
        gaps=[
            Gap(DATA_SETS[name].label, DATA_SETS[name].missing())
            for name in DATA
            if name not in usable(DATA)
        ],
        findings=findings,
        pictures={
            "alpha": line_picture("ΔDP by α, rank 1", "α", paper.METRICS[_GAP], lines),
        },
    )


_GAP = "demographic_parity_difference"
STUDY = Study(
    name="alpha",
    title="Open question: α by data set and architecture",
    question="Is there an α that trades error for gaps, and does it depend on the data or the "
    "network? From 0 (only the second group's Fisher information) to 1 (only the first's), at "
    "rank 1.",
    configurations=_configurations,
    run=run_method,
    report=_report,
)
