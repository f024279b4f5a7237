"""Figure 4: head tuning, plain SVD and the paper's method on each data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairfactor.intervals import paired_difference
from fairfactor.methods import METHODS
from fairfactor.reproduction import paper
from fairfactor.reproduction.cells import Cells, Configuration
from fairfactor.reproduction.measure import run_method
from fairfactor.reproduction.outcome import Claim, Gap, Report, Row
from fairfactor.reproduction.phrases import (
    claims_sentence,
    difference_sentence,
    interval_picture,
    points,
    signed,
)
from fairfactor.reproduction.problems import DATA_SETS, usable
from fairfactor.reproduction.study import Study
from fairfactor.reproduction.verdict import TOLERANCE

DATA = {"adult": "mlp-2", "lfw+a": "resnet-18", "celeba": "resnet-18"}
_COMPARED = (("pretrained", None), ("head-tuning", None), ("plain-svd", 2), ("neutralized", 2))
_ALSO = (("plain-svd", 1), ("neutralized", 1))


def _configurations() -> list[Configuration]:
    return [
        {"data": data, "architecture": DATA[data], "method": method, "rank": rank}
        for data in usable(tuple(DATA))
        for method, rank in (*_COMPARED, *_ALSO)
    ]


def _report(cells: Cells) -> Report:
    rows: list[Row] = []
    claims: list[Claim] = []
    gaps: list[Gap] = []
    for data in DATA:
        name = DATA_SETS[data].label
        if not any(cells.where(data=data)):
            reason = DATA_SETS[data].missing()
            gaps += [Gap(f"{name}: {METHODS[m].label}", reason) for m, _ in _COMPARED[1:]]
            continue
        by_cell = {
            (method, rank): Row.of(
                f"{name}: {METHODS[method].label}{f', rank {rank}' if rank else ''}",
                cells.one(data=data, method=method, rank=rank),
                paper.FIGURE_4.get((data, method)),
                fields=("trained_parameters",),
            )
            for method, rank in (*_COMPARED, *_ALSO)
        }
        rows += by_cell.values()
        claims += list(_claims(data, by_cell))
    columns = {**paper.METRICS, "trained_parameters": "Trained parameters"}
    return Report(
        rows=rows,
        columns=columns,
        claims=claims,
        gaps=gaps,
        findings=[
            claims_sentence("the paper's method changes something", claims),
            *(
                difference_sentence(f"At rank {rank}", *_pair(rows, f", rank {rank}"))
                for rank in (2, 1)
            ),
        ],
        lessons=[_lesson(*_pair(rows, ", rank 2"))],
        pictures={"figure-4": interval_picture("The main comparison, ours and the paper's", rows)},
    )


def _pair(rows: Sequence[Row], rank: str) -> tuple[Row, Row]:
    """The paper's method and plain SVD on Adult at a rank."""
    ours, plain = (
        next(row for row in rows if row.label.endswith(METHODS[method].label + rank))
        for method in ("neutralized", "plain-svd")
    )
    return ours, plain


def _lesson(ours: Row, plain: Row) -> str:
    gap = "demographic_parity_difference"
    difference = paired_difference(ours.values[gap], plain.values[gap])
    start = "The method as published "
    middle = (
        "does not make a two-class table task fairer than plain SVD"
        if difference.high > -TOLERANCE[gap] / 2
        else "has a smaller gap than plain SVD"
    )
    return (
        f"{start}{middle}: ΔDP changes by {points(difference, gap)}. To reach a gap, use "
        "`fairfactor tune --constraint` (below, Transfer)."
    )


def _claims(data: str, rows: dict[tuple[str, int | None], Row]) -> Iterator[Claim]:
    ours = paper.FIGURE_4[data, "neutralized"]
    for method, rank in _COMPARED[1:3]:
        theirs = paper.FIGURE_4[data, method]
        for metric, label in paper.METRICS.items():
            change = ours[metric].mean - theirs[metric].mean
            yield Claim(
                f"{DATA_SETS[data].label}: the method changes {label} against "
                f"{METHODS[method].label} by {signed(change, metric)}",
                metric,
                rows["neutralized", 2],
                rows[method, rank],
                change,
            )


STUDY = Study(
    name="figure-4",
    title="Figure 4: the main comparison",
    question="Does the method have a smaller error and smaller gaps than head tuning (TL) and "
    "plain SVD (f+SVD)? Rank 2, which alone fits the paper's 46 trained parameters; rank 1 beside "
    "it.",
    configurations=_configurations,
    run=run_method,
    report=_report,
)
