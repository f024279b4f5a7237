"""Table 3: a constraint while fine-tuning the whole network, against the paper's method."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from fairfactor.intervals import paired_difference
from fairfactor.reproduction import paper
from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.fair_training import (
    CONSTRAINTS,
    INTENSITIES,
    PENALTIES,
    train_constrained,
)
from fairfactor.reproduction.measure import measure, measure_method
from fairfactor.reproduction.outcome import Claim, Report, Row
from fairfactor.reproduction.phrases import claims_sentence, interval_picture, points, signed
from fairfactor.reproduction.problems import prepared, problem
from fairfactor.reproduction.study import Study
from fairfactor.surgery import count_parameters

_CROSS = {
    "equalized_odds": "demographic_parity_difference",
    "demographic_parity": "equalized_odds_difference_sum",
}
_OWN = {
    "equalized_odds": "equalized_odds_difference_sum",
    "demographic_parity": "demographic_parity_difference",
}


def _configurations() -> list[Configuration]:
    return [
        {"method": "pretrained"},
        {"method": "neutralized", "rank": 2},
        *(
            {
                "method": "retrain",
                "penalty": penalty,
                "constraint": constraint,
                "intensity": intensity,
            }
            for penalty in PENALTIES
            for constraint in CONSTRAINTS
            for intensity in INTENSITIES
        ),
    ]


def _run(configuration: Configuration, seed: int) -> Result:
    rows, start = problem("adult", seed), prepared("adult", "mlp-2", seed)
    method = configuration["method"]
    if method != "retrain":
        return measure_method(start, rows, method, configuration.get("rank"), seed)
    model = copy.deepcopy(start.model).requires_grad_()
    train_constrained(
        model,
        rows.rows["train"],
        rows.rows["validation"],
        constraint=configuration["constraint"],
        penalty=configuration["penalty"],
        intensity=configuration["intensity"],
        config=rows.finetuning,
        seed=seed,
    )
    return {
        "metrics": measure(model, rows.rows["test"], rows.group_names),
        "trained_parameters": count_parameters(model).trained,
    }


def _report(cells: Cells) -> Report:
    parameters = ("trained_parameters",)
    untouched = Row.of(
        "Pre-trained, untouched",
        cells.one(method="pretrained"),
        paper.TABLE_3_PRETRAINED,
        fields=parameters,
    )
    ours = Row.of(
        "The paper's method, rank 2",
        cells.one(method="neutralized"),
        paper.TABLE_3_OURS,
        fields=parameters,
    )
    retrained = {
        (penalty, constraint, intensity): Row.of(
            f"Retrain+{short} {intensity} ({penalty.replace('_', ' ')})",
            cells.one(penalty=penalty, constraint=constraint, intensity=intensity),
            paper.TABLE_3[constraint, intensity],
            fields=parameters,
        )
        for penalty in PENALTIES
        for constraint, short in CONSTRAINTS.items()
        for intensity in INTENSITIES
    }
    claims = [
        *_changes(ours, untouched),
        *_against(ours, retrained, _CROSS, "not what that aims at"),
        *_against(ours, retrained, _OWN, "what that aims at"),
    ]
    rows = [untouched, *retrained.values(), ours]
    shown = [untouched, *(r for k, r in retrained.items() if k[0] == "soft_gap"), ours]
    return Report(
        rows,
        columns={**paper.METRICS, "trained_parameters": "Trained parameters"},
        claims=claims,
        findings=[
            claims_sentence("concern this table", claims),
            _trained(ours, next(iter(retrained.values()))),
        ],
        lessons=list(_lessons(ours, retrained)),
        pictures={"table-3": interval_picture("A constraint while fine-tuning", shown)},
    )


def _lessons(ours: Row, retrained: dict[tuple[str, str, float], Row]) -> Iterator[str]:
    for constraint, short in CONSTRAINTS.items():
        metric, row = _OWN[constraint], retrained["soft_gap", constraint, 0.5]
        gap, error = (
            paired_difference(row.values[name], ours.values[name])
            for name in (metric, "paper_error")
        )
        yield (
            f"A constraint on {short} while tuning the whole network ({row.label}) against the "
            f"method: {paper.METRICS[metric]} {points(gap, metric)}, Err "
            f"{points(error, 'paper_error')}."
        )


def _trained(ours: Row, retrained: Row) -> str:
    number, whole = (int(row.values["trained_parameters"][0]) for row in (ours, retrained))
    return (
        f"Trained parameters: {number} of ours, {whole} with Retrain; the paper has "
        f"{paper.PARAMETERS['ours']} and {paper.PARAMETERS['whole network']}. Tuning the plain "
        "head alone trains 42."
    )


def _changes(ours: Row, untouched: Row) -> list[Claim]:
    return [
        Claim(
            f"the method changes {label} against the untouched network by {signed(change, metric)}",
            metric,
            ours,
            untouched,
            change,
        )
        for metric, label in paper.METRICS.items()
        for change in [
            paper.TABLE_3_OURS[metric].mean - paper.TABLE_3_PRETRAINED[metric].mean,
        ]
    ]


def _against(
    ours: Row,
    retrained: dict[tuple[str, str, float], Row],
    metrics: dict[str, str],
    which: str,
) -> list[Claim]:
    """The difference to each Retrain row in one of the gaps, as the paper has it."""
    return [
        Claim(
            f"the method minus {row.label}, in {paper.METRICS[metrics[constraint]]} ({which}): "
            f"{signed(change, metrics[constraint])}",
            metrics[constraint],
            ours,
            row,
            change,
        )
        for (penalty, constraint, intensity), row in retrained.items()
        if penalty == "soft_gap"
        for change in [
            paper.TABLE_3_OURS[metrics[constraint]].mean
            - paper.TABLE_3[constraint, intensity][metrics[constraint]].mean,
        ]
    ]


STUDY = Study(
    name="table-3",
    title="Table 3: a constraint while fine-tuning",
    question="Is the method as fair as re-training the whole network with a constraint, with fewer "
    "trained parameters? The penalties are those of Table 2, and Retrain tunes all 742 parameters.",
    configurations=_configurations,
    run=_run,
    report=_report,
    rooms=("reproduction/fair_training.py",),
)
