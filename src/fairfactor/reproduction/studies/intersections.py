"""Open question: groups by sex and race together."""

from __future__ import annotations

from fairfactor.methods import METHODS
from fairfactor.reproduction import paper
from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.measure import run_method
from fairfactor.reproduction.outcome import Report, Row
from fairfactor.reproduction.phrases import difference_sentence, interval_picture
from fairfactor.reproduction.problems import problem
from fairfactor.reproduction.study import Study

_METHODS = (
    ("pretrained", None),
    ("head-tuning", None),
    ("plain-svd", 1),
    ("neutralized", 1),
    ("plain-svd", 2),
    ("neutralized", 2),
)
_COLUMNS = {**paper.METRICS, "worst_group_accuracy": "Accuracy of the worst group"}


def _configurations() -> list[Configuration]:
    return [
        {"data": "adult-intersections", "architecture": "mlp-2", "method": method, "rank": rank}
        for method, rank in _METHODS
    ]


def _run(configuration: Configuration, seed: int) -> Result:
    sizes = problem(configuration["data"], seed).rows["test"].groups.bincount()
    return {
        **run_method(configuration, seed),
        "smallest_group": int(sizes.min()),
        "groups": len(sizes),
    }


def _report(cells: Cells) -> Report:
    rows = {
        (method, rank): Row.of(
            f"{METHODS[method].label}{f', rank {rank}' if rank else ''}",
            cells.one(method=method, rank=rank),
            metrics=tuple(_COLUMNS),
        )
        for method, rank in _METHODS
    }
    smallest = [result["smallest_group"] for result in cells.one(method="pretrained")]
    groups = cells.one(method="pretrained")[0]["groups"]
    return Report(
        list(rows.values()),
        columns=_COLUMNS,
        findings=[
            (
                f"{groups} groups; the smallest has {min(smallest)} to {max(smallest)} test rows. "
                "A rate near one half on that few is known to about "
                f"±{98 / min(smallest) ** 0.5:.0f} points (95 %), and so is a gap to that group."
            ),
            *(
                difference_sentence("On intersections", rows["neutralized", rank], rows[other])
                for rank in (1, 2)
                for other in (("plain-svd", rank), ("head-tuning", None))
            ),
        ],
        lessons=[
            (
                "With intersections of groups the paper's neutralising extends to any number of "
                "groups, but a gap is then the largest of many, and small groups make it noisy: "
                "merge them (`--minimum-group-size`) before reading it."
            )
        ],
        pictures={"intersections": interval_picture("Sex × race, Adult", list(rows.values()))},
    )


STUDY = Study(
    name="intersections",
    title="Open question: intersections of groups",
    question="Does neutralising the importance of ten groups of sex and race change their gaps?",
    configurations=_configurations,
    run=_run,
    report=_report,
)
