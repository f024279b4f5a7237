"""A study that is quick: numbers follow from the seed, and each call is counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.outcome import Claim, Gap, Report, Row
from fairfactor.reproduction.paper import numbers
from fairfactor.reproduction.phrases import interval_picture
from fairfactor.reproduction.study import Study

CALLS: list[tuple[Any, int]] = []
SHIFTS = (0.0, 0.1)


def configurations() -> Sequence[Configuration]:
    return [{"shift": shift} for shift in SHIFTS]


def run(configuration: Configuration, seed: int) -> Result:
    CALLS.append((configuration["shift"], seed))
    gap = 0.2 + configuration["shift"] + 0.001 * seed
    return {
        "metrics": {
            "paper_error": 16.0 + 0.01 * seed,
            "demographic_parity_difference": gap,
            "equalized_odds_difference_sum": gap,
        }
    }


def report(cells: Cells) -> Report:
    rows = [
        Row.of(f"shift {shift}", cells.one(shift=shift), numbers((16.0, 0.1), (0.2, 0.01)))
        for shift in SHIFTS
    ]
    claim = Claim("a shift adds 0.1", "demographic_parity_difference", rows[1], rows[0], 0.1)
    return Report(
        rows,
        claims=[claim],
        gaps=[Gap("A face", "no images here")],
        findings=["Found."],
        lessons=["Learn."],
        pictures={"small": interval_picture("Small", rows)},
    )


STUDY = Study("small", "Small: a study", "Is it small?", configurations, run, report)
