"""Images: the paper's methods and mitigation that holds, on frozen features of photographs."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from fairfactor.intervals import mean_interval, paired_difference
from fairfactor.methods import METHODS
from fairfactor.mitigation import Constraint, tune
from fairfactor.reproduction import paper
from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.chance import odds_by_chance
from fairfactor.reproduction.image_data import IMAGE_DATA_SETS
from fairfactor.reproduction.measure import measure, measure_method
from fairfactor.reproduction.outcome import Gap, Picture, Report, Row
from fairfactor.reproduction.phrases import interval_picture, points
from fairfactor.reproduction.problem import Problem, tuning_problem
from fairfactor.reproduction.problems import DATA_SETS, prepared, problem, usable
from fairfactor.reproduction.study import Study
from fairfactor.studies.seed_run import count_predictions

METHOD_RANKS: tuple[tuple[str, int | None], ...] = (
    ("head-tuning", None),
    ("plain-svd", 2),
    ("neutralized", 2),
    ("plain-svd", 1),
    ("pooled-fisher-svd", 1),
    ("neutralized", 1),
)
MITIGATED = {
    "constrained": ("Constraint-driven", "head", ("late-features", "one-head")),
    "bias-aware": ("Bias-aware, locked", "mlp", ("bias-aware",)),
}
"""Label, architecture and recipes of our methods; each is to keep half of TL's gap."""

GAP = "equalized_odds_difference_worst_case"
CHANCE = "equalized_odds_by_chance"
COLUMNS = {
    "accuracy": "Accuracy",
    GAP: "ΔEO (worst case)",
    CHANCE: "ΔEO by chance",
    **paper.METRICS,
}
_SHOWN = {name: COLUMNS[name] for name in ("accuracy", GAP, "demographic_parity_difference")}
_SHARE = 0.5


def _configurations() -> list[Configuration]:
    return [
        {"data": data, "method": method, "rank": rank}
        for data in usable(tuple(IMAGE_DATA_SETS))
        for method, rank in (*METHOD_RANKS, *((name, None) for name in MITIGATED))
    ]


def _run(configuration: Configuration, seed: int) -> Result:
    data, method = configuration["data"], configuration["method"]
    rows = problem(data, seed)
    if method not in MITIGATED:
        start = prepared(data, "head", seed)
        result = measure_method(start, rows, method, configuration["rank"], seed)
        if method == "head-tuning":
            result["metrics"][CHANCE] = _by_chance(start.model, rows)
        return result
    _, architecture, recipes = MITIGATED[method]
    validation = rows.rows["validation"]
    unmitigated = measure(prepared(data, "head", seed).model, validation, rows.group_names)
    half = Constraint("equalized_odds", _SHARE * unmitigated[GAP])
    tuned = tune(
        tuning_problem(rows, prepared(data, architecture, seed).model),
        constraints=[half],
        recipes=recipes,
        seed=seed,
    )
    chosen = tuned.frontier.weigh([half])
    decide = chosen.point.decide
    return {
        "metrics": measure(decide, rows.rows["test"], rows.group_names)
        | {CHANCE: _by_chance(decide, rows)},
        "trained_parameters": chosen.point.trained_parameters,
        "met": chosen.met,
    }


def _by_chance(model: nn.Module, rows: Problem) -> float:
    return odds_by_chance(count_predictions(model, rows.rows["test"], rows.group_names))


def _report(cells: Cells) -> Report:
    rows: list[Row] = []
    findings: list[str] = []
    lessons: list[str] = []
    pictures: dict[str, Picture] = {}
    gaps: list[Gap] = []
    for data in IMAGE_DATA_SETS:
        label = DATA_SETS[data].label
        if not any(cells.where(data=data)):
            gaps.append(Gap(label, DATA_SETS[data].missing()))
            continue
        keys: list[tuple[str, int | None]] = [*METHOD_RANKS, *((name, None) for name in MITIGATED)]
        of_method = {
            (method, rank): _row(cells, data, method, rank)
            for method, rank in keys
            if any(cells.where(data=data, method=method, rank=rank))
        }
        rows += of_method.values()
        findings += _findings(label, of_method)
        lessons.append(_lesson(label, of_method))
        shown = [
            Row(row.label.removeprefix(f"{label}: "), row.values, row.paper)
            for row in of_method.values()
        ]
        pictures[f"images-{data}"] = interval_picture(label, shown, _SHOWN)
    return Report(rows, COLUMNS, gaps=gaps, findings=findings, lessons=lessons, pictures=pictures)


def _row(cells: Cells, data: str, method: str, rank: int | None) -> Row:
    """One method on one pair; the paper's numbers where it has that pair."""
    name = METHODS[method].label if method in METHODS else MITIGATED[method][0]
    results = cells.one(data=data, method=method, rank=rank)
    has_chance = method == "head-tuning" or method in MITIGATED
    return Row.of(
        f"{DATA_SETS[data].label}: {name}{f', rank {rank}' if rank else ''}",
        results,
        paper.FIGURE_4.get(("lfw+a", method)) if (data, rank) in _PAPERS else None,
        metrics=[metric for metric in COLUMNS if metric != CHANCE or has_chance],
    )


_PAPERS = {("lfwa-gender-makeup", None), ("lfwa-gender-makeup", 2)}


def _findings(label: str, rows: dict[tuple[str, int | None], Row]) -> Iterator[str]:
    """The published method against plain SVD, and our methods against head tuning."""
    for rank in (2, 1):
        ours, plain = rows["neutralized", rank], rows["plain-svd", rank]
        parts = [
            f"{name.removesuffix(' %')} {points(paired_difference(*pair), metric)}"
            for metric, name in paper.METRICS.items()
            for pair in [(ours.values[metric], plain.values[metric])]
        ]
        yield f"{label}, neutralised minus plain SVD at rank {rank}: {'; '.join(parts)}."
    plain = rows["head-tuning", None]
    for name, (what, _, _) in MITIGATED.items():
        if (name, None) not in rows:
            continue
        ours = rows[name, None]
        gap, cost = (
            paired_difference(ours.values[metric], plain.values[metric])
            for metric in (GAP, "accuracy")
        )
        share = mean_interval(ours.values[GAP]).mean / mean_interval(plain.values[GAP]).mean
        chance = 100 * mean_interval(ours.values[CHANCE]).mean
        yield (
            f"{label}, {what.lower()} minus head tuning: worst-case ΔEO {points(gap, GAP)}, which "
            f"leaves {100 * share:.0f} % of it ({chance:.1f} points are chance); accuracy "
            f"{points(cost, 'accuracy')}."
        )


def _lesson(label: str, rows: dict[tuple[str, int | None], Row]) -> str:
    """Whether the bar is met: half the gap for a point of accuracy, by the interval of each."""
    ours, plain = rows["constrained", None], rows["head-tuning", None]
    half = [_SHARE * value for value in plain.values[GAP]]
    over = paired_difference(ours.values[GAP], half)
    cost = paired_difference(plain.values["accuracy"], ours.values["accuracy"])
    halved = "is halved" if over.high <= 0 else "is not halved for sure"
    price = "at most one point" if cost.high <= 0.01 else "perhaps over one point"
    return f"{label}: with the constraint the worst-case gap {halved}, and it costs {price}."


STUDY = Study(
    name="images",
    title="Images: photographs, frozen features",
    question="What do the methods do on photographs? A head on frozen EfficientNet-Lite0 features "
    "(ImageNet, 96 × 96 pixels) stands in the place of the paper's ResNet-18, of which no weights "
    "are at hand; one pair is also there with a ResNet-18 that was pre-trained on the ages of "
    "UTKFace's faces. The parts of LFW+a have the paper's sizes, and no person is in two of them. "
    "Our methods are weighed against half of the worst-case equalised odds difference that head "
    "tuning shows on validation rows, and need no group at prediction. The last column but the "
    "paper's is the gap that equal rates would show by chance.",
    configurations=_configurations,
    run=_run,
    report=_report,
    rooms=(
        "mitigation",
        "part.py",
        "problem.py",
        "feature_extraction",
        "reproduction/chance.py",
        "reproduction/image_data.py",
    ),
)
