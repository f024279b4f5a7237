"""Figure 3: the Fisher information of the last layer for each group."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fairfactor.diagnosis import group_overlaps
from fairfactor.intervals import mean_interval
from fairfactor.reproduction import paper
from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.outcome import Report, Row
from fairfactor.reproduction.problems import prepared
from fairfactor.reproduction.study import Study

COLUMNS = {
    "correlation": "Correlation of the groups",
    "scale_ratio": "Larger mean over smaller",
    "shared_top": "Share of the top fifth in common",
    "dead_rows": "Features without information",
}


def _configurations() -> list[Configuration]:
    return [{"architecture": "mlp-2"}]


def _run(configuration: Configuration, seed: int) -> Result:
    fisher = prepared("adult", configuration["architecture"], seed).fisher
    overlap = group_overlaps(fisher)[0]
    ratio = overlap.scale_ratio
    return {
        "metrics": {
            "correlation": overlap.correlation,
            "scale_ratio": max(ratio, 1 / ratio),
            "shared_top": overlap.shared_top,
            "dead_rows": float((fisher.row_importance.sum(0) == 0).sum()),
        },
        "larger_group": fisher.groups[int(fisher.row_importance.mean(1).argmax())],
        "groups": list(fisher.groups),
        "row_importance": _rounded(fisher.row_importance),
    }


def _report(cells: Cells) -> Report:
    results = cells.one()
    row = Row.of("Adult, pre-trained MLP", results, metrics=tuple(COLUMNS))
    first = results[0]
    return Report(
        [row],
        columns=COLUMNS,
        findings=[
            _single_run("The correlation of the two groups' importances", row, "correlation"),
            _single_run("The ratio of their means", row, "scale_ratio"),
            _larger(results),
        ],
        pictures={
            "figure-3": {
                "kind": "strips",
                "title": "Importance of the 20 features of the last layer for each group (first "
                "seed)",
                "strips": [
                    {"name": name, "values": values}
                    for name, values in zip(first["groups"], first["row_importance"], strict=True)
                ],
            }
        },
    )


def _larger(results: Sequence[Result]) -> str:
    men = [result["larger_group"] for result in results].count("Male")
    return (
        f"The larger importance is that of men in {men} of {len(results)} runs; in the paper's one "
        "run it is theirs too. Neutralising takes the mean of the roots, so the larger one weighs "
        "more unless each group is scaled first (the option unit_mean)."
    )


def _single_run(what: str, row: Row, column: str) -> str:
    """Whether the paper's single run could be one of ours: the prediction interval of one more."""
    interval, theirs = mean_interval(row.values[column]), paper.FIGURE_3[column]
    half = (interval.high - interval.mean) * (interval.n + 1) ** 0.5
    low, high = interval.mean - half, interval.mean + half
    inside = low <= theirs <= high
    return (
        f"{what} is {interval.mean:.2f} on average; the paper's one run has {theirs:.2f}, which is "
        f"{'within' if inside else 'outside'} the interval in which one more run of ours would lie "
        f"({low:.2f} to {high:.2f}, 95 %)."
    )


def _rounded(matrix: torch.Tensor) -> list[list[float]]:
    return [[float(f"{value:.4g}") for value in line] for line in matrix.tolist()]


STUDY = Study(
    name="figure-3",
    title="Figure 3: Fisher information of each group",
    question="Do the two groups need the same features of the last layer? In the paper's one run "
    "they differ mainly in scale: correlation 0.86, men's about 2.8 times women's.",
    configurations=_configurations,
    run=_run,
    report=_report,
    rooms=("diagnosis",),
)
