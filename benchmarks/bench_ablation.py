"""What each means of mitigation does on Adult by sex: ``python -m benchmarks ablation``.

Operating points are chosen on training and validation rows, as `fairfactor tune` chooses, and
tested once. A seed takes some minutes of one processor. A finished seed is kept in
``runs/ablation``, so an interrupted run goes on where it was; delete that folder to start afresh.
``python -m benchmarks.ablation_page`` writes the table to ``docs/ablation.md``.
"""

from __future__ import annotations

import argparse
import json
import math
import warnings
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.ablation_rows import AXES, GROUP_KNOWN, PIECES, Row
from benchmarks.environment import describe_environment

from fairfactor.data.request import DataRequest
from fairfactor.data.sources import load_task
from fairfactor.errors import FairfactorWarning
from fairfactor.files import atomic_write_text
from fairfactor.intervals import mean_interval, paired_difference
from fairfactor.mitigation import Constraint, Frontier, OperatingPoint
from fairfactor.mitigation.hypervolume import dominated_area
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.recipe import Recipe
from fairfactor.mitigation.tune import operating_points
from fairfactor.problem import Problem
from fairfactor.protocol import make_problem
from fairfactor.studies.parallel import run_seeds
from fairfactor.studies.point_counts import count_points
from fairfactor.studies.task_groups import task_groups

RESULT = Path(__file__).parent / "results" / "ablation.json"
KEPT = Path("runs") / "ablation"
SEEDS = 5
CONFIDENCE = 0.9
GAPS = ("equalized_odds", "demographic_parity")
BOUNDS = (
    ("equalized_odds", 0.03),
    ("equalized_odds", 0.05),
    ("demographic_parity", 0.01),
    ("demographic_parity", 0.04),
)
CORNER = {"worst_gap": 0.2, "worst_accuracy": 0.75}
"""Reference point of the area that points dominate."""


def measure_seed(kept: Path, seed: int) -> dict[str, Any]:
    """Every row of every axis on one seed; read from ``kept`` if it is there."""
    path = kept / f"seed-{seed}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    task = load_task(DataRequest("adult", ("sex",)))
    problem = make_problem(task, seed=seed, groups=task_groups(task, 30))
    pieces: dict[tuple[str, bool], list[OperatingPoint]] = {}
    seconds = {}
    for name in PIECES:
        start = perf_counter()
        pieces |= fit_piece(problem, name, seed)
        seconds[name] = round(perf_counter() - start, 1)
        print(f"seed {seed}: {name}, {seconds[name]} s", flush=True)
    found = {
        f"{axis.name} / {row.name}": measure_row(problem, row, pieces)
        for axis in AXES
        for row in axis.rows
    }
    result = {"seed": seed, "rows": found, "seconds of each piece": seconds}
    kept.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, json.dumps(result) + "\n")
    return result


def fit_piece(
    problem: Problem, name: str, seed: int
) -> dict[tuple[str, bool], list[OperatingPoint]]:
    families = [rate_family(gap, len(problem.class_names)) for gap in GAPS]
    recipe = Recipe(name, name, PIECES[name])
    knowing = (False, True) if name in GROUP_KNOWN else (False,)
    points: dict[tuple[str, bool], list[OperatingPoint]] = {(name, k): [] for k in knowing}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairfactorWarning)  # a loss that tuning does not lower
        for fitted in recipe.fit(problem, seed):
            for known in knowing:
                points[name, known] += operating_points(
                    problem, recipe, fitted, families, groups_at_prediction=known, seed=seed
                )
    return points


def measure_row(
    problem: Problem, row: Row, pieces: dict[tuple[str, bool], list[OperatingPoint]]
) -> dict[str, Any]:
    points = [p for name in row.pieces for p in pieces[name, row.group_known] if row.keep(p)]
    frontier = Frontier(tuple(points))
    values: dict[str, Any] = {
        "points": len(points),
        "trained parameters": max(point.trained_parameters for point in points),
    }
    for gap in GAPS:
        unbeaten = frontier.pareto(gap).points
        tested = count_points(problem, problem.test, unbeaten)
        places = [(value_of(gap, counts), value_of("accuracy", counts)) for counts in tested]
        values[f"validation area, {gap}"] = frontier.area(gap, **CORNER)
        values[f"test area, {gap}"] = dominated_area(places, *CORNER.values())
    for gap, bound in BOUNDS:
        chosen = frontier.select([Constraint(gap, bound)], confidence=CONFIDENCE)
        [counts] = count_points(problem, problem.test, [chosen.point])
        values[f"{gap}<={bound:g}"] = {
            "met": chosen.met,
            "validation accuracy": chosen.point.metric("accuracy"),
            "accuracy": value_of("accuracy", counts),
            "gap": value_of(gap, counts),
        }
    fairest = frontier.select([], minimize="worst_group_error").point
    [counts] = count_points(problem, problem.test, [fairest])
    values["worst group accuracy"] = value_of("worst_group_accuracy", counts)
    return values


def value_of(metric: str, counts: Any) -> float:
    return float(Constraint(metric, 0.0).value(counts))


def summarise(seeds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over seeds with intervals, and paired differences to the first row of each axis."""
    axes = []
    for axis in AXES:
        keys = [f"{axis.name} / {row.name}" for row in axis.rows]
        rows = []
        for row, key in zip(axis.rows, keys, strict=True):
            here, first = ([seed["rows"][k] for seed in seeds] for k in (key, keys[0]))
            rows.append({"name": row.name, **summarise_row(here, first)})
        axes.append({"name": axis.name, "question": axis.question, "rows": rows})
    return axes


def summarise_row(here: list[dict[str, Any]], first: list[dict[str, Any]]) -> dict[str, Any]:
    def mean(values: list[float]) -> dict[str, float | None]:
        found = mean_interval(values)
        return {k: finite(getattr(found, k)) for k in ("mean", "low", "high")}

    def versus(values: list[float], others: list[float]) -> dict[str, float | None]:
        found = paired_difference(values, others)
        return {k: finite(getattr(found, k)) for k in ("mean", "low", "high")}

    result: dict[str, Any] = {
        "points": round(sum(seed["points"] for seed in here) / len(here)),
        "trained parameters": max(seed["trained parameters"] for seed in here),
    }
    for name in (
        "worst group accuracy",
        *(f"{part} area, {gap}" for gap in GAPS for part in ("validation", "test")),
    ):
        values, others = ([seed[name] for seed in some] for some in (here, first))
        result[name] = {**mean(values), "difference": versus(values, others)}
    for gap, bound in BOUNDS:
        name = f"{gap}<={bound:g}"
        result[name] = {
            "met": sum(seed[name]["met"] for seed in here),
            **{
                key: mean([seed[name][key] for seed in here])
                for key in ("validation accuracy", "accuracy", "gap")
            },
        }
    return result


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of finished seeds")
    parser.add_argument("--output", type=Path, default=RESULT)
    arguments = parser.parse_args()
    start = perf_counter()
    seeds = run_seeds(
        partial(measure_seed, arguments.kept), range(arguments.seeds), workers=arguments.workers
    )
    result = {
        "what": "Adult by sex, protocol of fairfactor compare; chosen on training and validation "
        f"rows at confidence {CONFIDENCE}, measured on test rows",
        "seeds": arguments.seeds,
        "reference corner of areas": CORNER,
        "seconds of this call": round(perf_counter() - start, 1),
        "axes": summarise(seeds),
        "by seed": seeds,
        "environment": describe_environment(),
    }
    atomic_write_text(arguments.output, json.dumps(result, indent=1) + "\n")
    print(f"{arguments.output} written")


if __name__ == "__main__":
    main()
