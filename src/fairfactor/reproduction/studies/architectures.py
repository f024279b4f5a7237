"""Open question: the same table, an MLP, a CNN and a transformer."""

from __future__ import annotations

from fairfactor.methods import METHODS
from fairfactor.reproduction import paper
from fairfactor.reproduction.backbones import ARCHITECTURES
from fairfactor.reproduction.cells import Cells, Configuration
from fairfactor.reproduction.measure import run_method
from fairfactor.reproduction.outcome import Report, Row
from fairfactor.reproduction.phrases import difference_sentence, interval_picture
from fairfactor.reproduction.study import Study

_METHODS = (("pretrained", None), ("head-tuning", None), ("plain-svd", 1), ("neutralized", 1))


def _configurations() -> list[Configuration]:
    return [
        {"data": "adult", "architecture": architecture, "method": method, "rank": rank}
        for architecture in ARCHITECTURES
        for method, rank in _METHODS
    ]


def _report(cells: Cells) -> Report:
    rows = {
        (architecture, method): Row.of(
            f"{label}: {METHODS[method].label}",
            cells.one(architecture=architecture, method=method),
            fields=("trained_parameters", "total_parameters"),
        )
        for architecture, label in ARCHITECTURES.items()
        for method, _ in _METHODS
    }
    return Report(
        list(rows.values()),
        columns={
            **paper.METRICS,
            "trained_parameters": "Trained parameters",
            "total_parameters": "All parameters",
        },
        findings=[
            difference_sentence(
                "At rank 1", rows[architecture, "neutralized"], rows[architecture, other]
            )
            for architecture in ARCHITECTURES
            for other in ("plain-svd", "head-tuning")
        ],
        pictures={
            "architectures": interval_picture("Three architectures, Adult", list(rows.values()))
        },
    )


STUDY = Study(
    name="architectures",
    title="Open question: other architectures on the same table",
    question="Does the method behave the same on the last layer of a 1-D CNN and of a small "
    "transformer?",
    configurations=_configurations,
    run=run_method,
    report=_report,
)
