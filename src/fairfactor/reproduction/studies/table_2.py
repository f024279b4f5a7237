"""Table 2: a network that is fair when pre-trained, before and after fine-tuning."""

from __future__ import annotations

import copy

from fairfactor.finetuning import finetune
from fairfactor.reproduction import paper
from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.fair_training import (
    CONSTRAINTS,
    INTENSITIES,
    PENALTIES,
    fair_pretrained,
)
from fairfactor.reproduction.measure import measure, measure_method
from fairfactor.reproduction.outcome import Claim, Report, Row
from fairfactor.reproduction.phrases import claims_sentence, interval_picture, mean_points, signed
from fairfactor.reproduction.problems import prepare_model, problem
from fairfactor.reproduction.study import Study

READINGS = {
    "before": "before fine-tuning",
    "neutralized": "after the paper's method, rank 2",
    "head-tuning": "after plain tuning of the head",
    "whole": "after plain tuning of the whole network",
}
GAP = {
    "equalized_odds": "equalized_odds_difference_sum",
    "demographic_parity": "demographic_parity_difference",
}
_PENALTY_LABEL = {"soft_gap": "soft gap", "covariance": "covariance"}


def _configurations() -> list[Configuration]:
    return [
        {"penalty": penalty, "constraint": constraint, "intensity": intensity, "reading": reading}
        for penalty in PENALTIES
        for constraint in CONSTRAINTS
        for intensity in INTENSITIES
        for reading in READINGS
    ]


def _run(configuration: Configuration, seed: int) -> Result:
    rows = problem("adult", seed)
    reading = configuration["reading"]
    model = fair_pretrained(
        configuration["penalty"], configuration["constraint"], configuration["intensity"], seed
    )
    if reading == "whole":
        model = copy.deepcopy(model)
        train, validation = rows.rows["train"], rows.rows["validation"]
        finetune(
            model,
            (train.inputs, train.targets),
            (validation.inputs, validation.targets),
            config=rows.finetuning,
            seed=seed,
        )
    if reading in {"before", "whole"}:
        return {"metrics": measure(model, rows.rows["test"], rows.group_names)}
    rank = 2 if reading == "neutralized" else None
    return measure_method(prepare_model(model, rows), rows, reading, rank, seed)


def _report(cells: Cells) -> Report:
    rows = {}
    for penalty in PENALTIES:
        for constraint, short in CONSTRAINTS.items():
            for intensity in INTENSITIES:
                for reading, label in READINGS.items():
                    table = paper.TABLE_2_BEFORE if reading == "before" else paper.TABLE_2_AFTER
                    rows[penalty, constraint, intensity, reading] = Row.of(
                        f"{short} {intensity} ({_PENALTY_LABEL[penalty]}), {label}",
                        cells.one(
                            penalty=penalty,
                            constraint=constraint,
                            intensity=intensity,
                            reading=reading,
                        ),
                        table[constraint, intensity],
                    )
    claims = {
        reading: [
            Claim(
                f"{short} {intensity}: the gap grows by {signed(change, GAP[constraint])} "
                f"{READINGS[reading]}",
                GAP[constraint],
                rows["soft_gap", constraint, intensity, reading],
                rows["soft_gap", constraint, intensity, "before"],
                change,
            )
            for constraint, short in CONSTRAINTS.items()
            for intensity in INTENSITIES
            for change in [_claimed(constraint, intensity)]
        ]
        for reading in list(READINGS)[1:]
    }
    findings = [
        claims_sentence(f"a fair network's gap grows {READINGS[reading]}", some)
        for reading, some in claims.items()
    ]
    shown = [row for key, row in rows.items() if key[0] == "soft_gap" and key[3] != "whole"]
    return Report(
        list(rows.values()),
        claims=[claim for some in claims.values() for claim in some],
        findings=findings,
        lessons=[_lesson(rows)],
        pictures={
            "table-2": interval_picture("A fair pre-trained network, fine-tuned", shown),
        },
    )


def _lesson(rows: dict[tuple[str, str, float, str], Row]) -> str:
    """The mean gap of each constraint, before and after each fine-tuning."""
    parts = []
    for constraint, short in CONSTRAINTS.items():
        means = [
            f"{mean_points(own, GAP[constraint])} {READINGS[reading]}"
            for reading in READINGS
            for own in [
                [r for key, r in rows.items() if key[1] == constraint and key[3] == reading]
            ]
        ]
        parts.append(f"{short}: {', '.join(means)}")
    return (
        "What is tuned decides whether a fair network stays fair, not how the head is factorised. "
        f"Mean gap in points over all intensities and penalties, {'; '.join(parts)}."
    )


def _claimed(constraint: str, intensity: float) -> float:
    before, after = (
        table[constraint, intensity][GAP[constraint]].mean
        for table in (paper.TABLE_2_BEFORE, paper.TABLE_2_AFTER)
    )
    return after - before


STUDY = Study(
    name="table-2",
    title="Table 2: a fair pre-trained network, fine-tuned",
    question="Does fine-tuning bring the gap back? The paper does not say which fine-tuning it "
    "used, so there are three readings. Nor does it give its penalty: ours is "
    "cross-entropy + intensity · gap of soft rates, with Zafar's covariance as a second form. "
    "Claims are judged for the first.",
    configurations=_configurations,
    run=_run,
    report=_report,
    rooms=("reproduction/fair_training.py",),
)
