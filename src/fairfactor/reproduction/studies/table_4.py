"""Table 4: the paper's method on deeper networks."""

from __future__ import annotations

from fairfactor.methods import METHODS
from fairfactor.reproduction import paper
from fairfactor.reproduction.cells import Cells, Configuration
from fairfactor.reproduction.measure import run_method
from fairfactor.reproduction.outcome import Gap, Report, Row
from fairfactor.reproduction.phrases import (
    difference_sentence,
    interval_picture,
    numbers_sentence,
)
from fairfactor.reproduction.problems import DATA_SETS, usable
from fairfactor.reproduction.study import Study

_METHODS = (("head-tuning", None), ("plain-svd", 2), ("neutralized", 2))


def _configurations() -> list[Configuration]:
    return [
        {"data": data, "architecture": architecture, "method": method, "rank": rank}
        for data, architecture in paper.TABLE_4
        if usable((data,))
        for method, rank in _METHODS
    ]


def _report(cells: Cells) -> Report:
    rows: list[Row] = []
    gaps: list[Gap] = []
    findings: list[str] = []
    for (data, architecture), numbers in paper.TABLE_4.items():
        label = f"{DATA_SETS[data].label}, {architecture.upper()}"
        if not usable((data,)):
            gaps.append(Gap(f"{label}: ours", DATA_SETS[data].missing()))
            continue
        of_method = {
            method: Row.of(
                f"{label}: {METHODS[method].label}",
                cells.one(data=data, architecture=architecture, method=method),
                numbers if method == "neutralized" else None,
            )
            for method, _ in _METHODS
        }
        rows += of_method.values()
        findings.append(
            difference_sentence(
                f"On {architecture.upper()}", of_method["neutralized"], of_method["plain-svd"]
            )
        )
    return Report(
        rows,
        gaps=gaps,
        findings=[numbers_sentence([row for row in rows if row.paper]), *findings],
        pictures={"table-4": interval_picture("Deeper networks", rows)},
    )


STUDY = Study(
    name="table-4",
    title="Table 4: other architectures",
    question="Does the method behave the same on deeper networks? MLP-n is read as n hidden layers "
    "of 20 units, as the paper's 742 parameters suggest for its two-layer network; rank 2.",
    configurations=_configurations,
    run=run_method,
    report=_report,
)
