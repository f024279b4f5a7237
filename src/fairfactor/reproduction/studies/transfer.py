"""Transfer: does fine-tuning bring unfairness in, and does mitigation keep it out?"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import nn

from fairfactor.data.encoding import TableEncoder
from fairfactor.data.shared_census import shared_adult, shared_census_income
from fairfactor.data.splits import paper_split
from fairfactor.errors import DataError
from fairfactor.finetuning import FinetuneConfig, finetune
from fairfactor.intervals import Interval, mean_interval, paired_difference
from fairfactor.mitigation import tune
from fairfactor.models.mlp import build_mlp
from fairfactor.pipeline import Rows
from fairfactor.reproduction import paper
from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.fair_training import fair_pretrained, train_constrained
from fairfactor.reproduction.measure import measure, measure_method
from fairfactor.reproduction.outcome import Gap, Picture, Report, Row
from fairfactor.reproduction.phrases import interval_picture, points
from fairfactor.reproduction.problem import PAPER, Problem, tuning_problem
from fairfactor.reproduction.problems import prepare_model, problem
from fairfactor.reproduction.study import Study
from fairfactor.studies.seed_run import pretrain
from fairfactor.studies.task_groups import task_groups

BOUND = 0.05
STARTS = {
    "census": "Census-Income → Adult",
    "fair-equalized_odds": "fair before (EO 0.5)",
    "fair-demographic_parity": "fair before (DP 0.5)",
}
PLAIN = {
    "before": "before fine-tuning",
    "head-tuning": "head tuned",
    "neutralized": "the paper's method, rank 2",
    "whole": "whole network tuned",
}
MITIGATED = {
    "constrained": "whole network tuned with a penalty",
    "default": f"ours, gap ≤ {BOUND} on validation rows",
    "gap-penalty": f"last layer with a penalty, gap ≤ {BOUND}",
    "bias-aware": f"locked bias-aware factors, gap ≤ {BOUND}",
}
_RECIPES = {
    "default": ("late-features", "input-features", "low-rank"),
    "gap-penalty": ("gap-penalty",),
    "bias-aware": ("bias-aware",),
}
GAP = {
    "equalized_odds": "equalized_odds_difference_worst_case",
    "demographic_parity": "demographic_parity_difference",
}
NOTION = {"equalized_odds": "equalised odds", "demographic_parity": "demographic parity"}
COLUMNS = {
    "accuracy": "Accuracy",
    "demographic_parity_difference": "ΔDP",
    "equalized_odds_difference_worst_case": "ΔEO (worst case)",
    **{name: label for name, label in paper.METRICS.items() if name != GAP["demographic_parity"]},
}
_HIDDEN = (64, 32)
_PRETRAINING = FinetuneConfig((PAPER.pretraining_rate,), PAPER.pretraining_epochs, 2048)


def _configurations() -> list[Configuration]:
    return [
        {"start": start, "after": after, "constraint": constraint}
        for start in (STARTS if not _missing() else list(STARTS)[1:])
        for after, constraint in (
            *((plain, None) for plain in PLAIN),
            *((mitigated, notion) for notion in _notions(start) for mitigated in MITIGATED),
        )
    ]


def _notions(start: str) -> tuple[str, ...]:
    """The constraints that a start is tuned to: its own, or both for one without."""
    own = start.removeprefix("fair-")
    return (own,) if own in GAP else tuple(GAP)


@lru_cache(maxsize=1)
def _missing() -> str:
    """Why Census-Income cannot be used here; empty if it can."""
    try:
        shared_census_income()
    except DataError as error:
        return str(error)
    return ""


def _run(configuration: Configuration, seed: int) -> Result:
    after, constraint = configuration["after"], configuration["constraint"]
    model, rows = _start(configuration["start"], seed)
    if after in {"head-tuning", "neutralized"}:
        rank = 2 if after == "neutralized" else None
        return measure_method(prepare_model(model, rows), rows, after, rank, seed)
    if after == "constrained":
        model = copy.deepcopy(model).requires_grad_()
        train_constrained(
            model,
            rows.rows["train"],
            rows.rows["validation"],
            constraint=constraint,
            penalty="soft_gap",
            intensity=0.5,
            config=rows.finetuning,
            seed=seed,
        )
    elif after != "before":
        model = _tuned_whole(configuration["start"], seed)
    if after not in _RECIPES:
        return {"metrics": measure(model, rows.rows["test"], rows.group_names), "met": None}
    tuned = tune(
        tuning_problem(rows, model),
        constraints=[f"{constraint}<={BOUND}"],
        recipes=_RECIPES[after],
        seed=seed,
    )
    return {
        "metrics": measure(tuned.chosen.decide, rows.rows["test"], rows.group_names),
        "met": tuned.met,
    }


@lru_cache(maxsize=2)
def _start(start: str, seed: int) -> tuple[nn.Module, Problem]:
    """A pre-trained network, and the Adult rows that it is fine-tuned and tested on."""
    if start == "census":
        return _from_census(seed)
    notion = start.removeprefix("fair-")
    return fair_pretrained("soft_gap", notion, 0.5, seed), problem("adult", seed)


@lru_cache(maxsize=2)
def _tuned_whole(start: str, seed: int) -> nn.Module:
    """All parameters fine-tuned on Adult with cross-entropy alone."""
    model, rows = _start(start, seed)
    model = copy.deepcopy(model).requires_grad_()
    train, validation = rows.rows["train"], rows.rows["validation"]
    finetune(
        model,
        (train.inputs, train.targets),
        (validation.inputs, validation.targets),
        config=rows.finetuning,
        seed=seed,
    )
    return model.eval()


def _from_census(seed: int) -> tuple[nn.Module, Problem]:
    source, target = shared_census_income(), shared_adult()
    encoder = TableEncoder.fit(source.inputs, "one_hot")
    inputs = torch.from_numpy(encoder.transform(source.inputs))
    labels = torch.from_numpy(source.labels)
    everybody = Rows(inputs, labels, torch.zeros_like(labels))
    model = build_mlp((inputs.shape[1], *_HIDDEN, 2), seed=seed)
    pretrain(model, everybody, _PRETRAINING, seed)
    groups = task_groups(target, 0)
    adult = Rows(
        torch.from_numpy(encoder.transform(target.inputs)),
        torch.from_numpy(target.labels),
        torch.from_numpy(groups.codes.copy()),
    )
    parts = paper_split(len(target.frame), seed=seed)
    rows = {name: adult.at(torch.from_numpy(places)) for name, places in parts.items()}
    return model.eval(), Problem(
        rows, groups.names, target.class_names, PAPER.finetuning, _PRETRAINING
    )


def _report(cells: Cells) -> Report:
    rows: list[Row] = []
    findings: list[str] = []
    lessons: list[str] = []
    pictures: dict[str, Picture] = {}
    for start, label in STARTS.items():
        if not any(cells.where(start=start)):
            continue
        plain = {after: _row(cells, start, after, None) for after in PLAIN}
        mitigated = {
            (after, notion): _row(cells, start, after, notion)
            for notion in _notions(start)
            for after in MITIGATED
        }
        shown = [*plain.values(), *mitigated.values()]
        rows += shown
        for notion in _notions(start):
            findings.append(_return_of_the_gap(label, plain, notion))
            findings += _kept(cells, start, plain["whole"], mitigated, notion)
        lessons += _lessons(label, plain["whole"], mitigated, start)
        pictures[f"transfer-{start.replace('_', '-')}"] = interval_picture(
            f"{label}: after fine-tuning, with and without mitigation",
            [Row(row.label.removeprefix(f"{label}: "), row.values) for row in shown],
            dict(list(COLUMNS.items())[:3]),
        )
    gaps = [Gap(STARTS["census"], _missing())] if _missing() else []
    return Report(rows, COLUMNS, gaps=gaps, findings=findings, lessons=lessons, pictures=pictures)


def _row(cells: Cells, start: str, after: str, notion: str | None) -> Row:
    label = PLAIN[after] if notion is None else f"{MITIGATED[after]} ({NOTION[notion]})"
    results = cells.one(start=start, after=after, constraint=notion)
    return Row.of(f"{STARTS[start]}: {label}", results, metrics=tuple(COLUMNS))


def _return_of_the_gap(label: str, plain: dict[str, Row], notion: str) -> str:
    metric = GAP[notion]
    parts = [
        f"{PLAIN[after]} {points(_difference(plain[after], plain['before'], metric), metric)}"
        for after in list(PLAIN)[1:]
    ]
    return f"{label}, change of the gap in {NOTION[notion]} by fine-tuning: {'; '.join(parts)}."


def _kept(
    cells: Cells,
    start: str,
    whole: Row,
    mitigated: dict[tuple[str, str], Row],
    notion: str,
) -> Iterator[str]:
    """What each mitigation changes against the network that was tuned without one."""
    for after in MITIGATED:
        row = mitigated[after, notion]
        gap, accuracy = (_difference(row, whole, name) for name in (GAP[notion], "accuracy"))
        met = [result["met"] for result in cells.one(start=start, after=after, constraint=notion)]
        bound = f"; bound met on validation rows in {met.count(True)} of {len(met)} runs"
        yield (
            f"{row.label}, against tuning the whole network: gap {points(gap, GAP[notion])}, "
            f"accuracy {points(accuracy, 'accuracy')}{bound if after in _RECIPES else ''}."
        )


def _lessons(
    label: str, whole: Row, mitigated: dict[tuple[str, str], Row], start: str
) -> Iterator[str]:
    for notion in _notions(start):
        ours, metric = mitigated["default", notion], GAP[notion]
        change = _difference(ours, whole, metric)
        cost = _difference(ours, whole, "accuracy")
        if change.high < 0:
            yield (
                f"{label}: plain fine-tuning leaves a gap in {NOTION[notion]} of "
                f"{100 * mean_interval(whole.values[metric]).mean:.1f} points; "
                f"`fairfactor tune` with a bound of {100 * BOUND:.0f} leaves "
                f"{100 * mean_interval(ours.values[metric]).mean:.1f}, at "
                f"{points(cost, 'accuracy')} of accuracy."
            )
        else:
            yield (
                f"{label}: no smaller gap in {NOTION[notion]} was detected with `fairfactor tune` "
                f"than after plain fine-tuning: {points(change, metric)}."
            )


def _difference(first: Row, second: Row, metric: str) -> Interval:
    return paired_difference(first.values[metric], second.values[metric])


STUDY = Study(
    name="transfer",
    title="Transfer: kept fair while fine-tuning?",
    question="A network pre-trained on Census-Income, fine-tuned on Adult (both from the Current "
    "Population Survey of 1994 and 1995, so some people may be in both); and the fair networks of "
    "Table 2, made unfair by plain fine-tuning. What do the mitigations of this package keep? "
    "Their operating point is chosen on validation rows, to a gap of at most 0.05.",
    configurations=_configurations,
    run=_run,
    report=_report,
    rooms=("reproduction/fair_training.py", "mitigation", "part.py", "problem.py"),
)
