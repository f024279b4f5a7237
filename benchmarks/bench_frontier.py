"""A whole frontier against one fit of Fairlearn's ExponentiatedGradient, on the same rows.

Ours starts from the pre-trained network: cell head on its frozen features, dual path and the rules
around it, counts on training and validation rows, frontier. Theirs is one bound, one fit, on the
inputs, with each of three solvers of scikit-learn's logistic regression: liblinear, which
Fairlearn's examples use, L-BFGS, the default, and Newton steps. Which of them is the quickest
depends on the machine and on what else it does; so does whether ours is quicker than that one. All
on one thread, one after the other, everything repeated; the libraries are loaded and warm before
the first measurement. Run ``python -m benchmarks frontier`` on an otherwise idle machine, or read
the processor's seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.environment import describe_environment
from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from fairfactor.data.request import DataRequest
from fairfactor.data.sources import load_task
from fairfactor.files import atomic_write_text
from fairfactor.mitigation import RECIPES, Frontier
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.tune import operating_points
from fairfactor.problem import Problem
from fairfactor.protocol import make_problem
from fairfactor.studies.task_groups import task_groups

RESULT = Path(__file__).parent / "results" / "frontier.json"
RECIPE_OF_GAP = {"equalized_odds": "late-features", "demographic_parity": "input-features"}
CONSTRAINTS = {"equalized_odds": EqualizedOdds, "demographic_parity": DemographicParity}
BOUND = 0.03
LEARNERS: dict[str, Callable[[], LogisticRegression]] = {
    "newton-cholesky": lambda: LogisticRegression(solver="newton-cholesky", max_iter=200),
    "liblinear": lambda: LogisticRegression(solver="liblinear"),
    "lbfgs (scikit-learn's default)": lambda: LogisticRegression(),
}


def whole_frontier(problem: Problem, gap: str) -> dict[str, int]:
    recipe = RECIPES[RECIPE_OF_GAP[gap]]
    [fitted] = recipe.fit(problem, 0)
    family = rate_family(gap, len(problem.class_names))
    frontier = Frontier(tuple(operating_points(problem, recipe, fitted, [family], seed=0)))
    return {"rules counted": len(frontier), "points on the frontier": len(frontier.pareto(gap))}


def one_fit(problem: Problem, gap: str, learner: str) -> dict[str, int]:
    train = problem.train
    mitigator = ExponentiatedGradient(LEARNERS[learner](), CONSTRAINTS[gap](difference_bound=BOUND))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting a", DeprecationWarning, r"fairlearn\.reductions")
        warnings.simplefilter("ignore", ConvergenceWarning)
        mitigator.fit(
            train.inputs.double().numpy(),
            train.labels.numpy(),
            sensitive_features=train.groups.numpy(),
        )
    return {"learners fitted": int(mitigator.n_oracle_calls_)}


def timed(work: Callable[[], dict[str, int]]) -> dict[str, Any]:
    wall, busy = time.perf_counter(), time.process_time()
    found = work()
    return {
        "wall": time.perf_counter() - wall,
        "processor": time.process_time() - busy,
        **found,
    }


def median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: round(float(np.median([run[key] for run in runs])), 3) for key in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    task = load_task(DataRequest("adult", ("sex",)))
    problem = make_problem(task, seed=0, groups=task_groups(task, 30))
    result: dict[str, Any] = {
        "what": f"Adult by sex, {len(problem.train.labels)} training rows, one thread: a whole "
        f"frontier of ours against one ExponentiatedGradient fit at bound {BOUND}; medians of "
        f"{arguments.repeats}, seconds",
        "gaps": {},
        "environment": {
            **describe_environment(),
            "fairlearn": version("fairlearn"),
            "scikit-learn": version("scikit-learn"),
            "load before": round(os.getloadavg()[0], 2),
        },
    }
    for gap in CONSTRAINTS:
        works = {"ours": lambda gap=gap: whole_frontier(problem, gap)}
        works |= {name: lambda gap=gap, name=name: one_fit(problem, gap, name) for name in LEARNERS}
        works["ours"](), works["newton-cholesky"]()  # loads the libraries
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in works}
        for _ in range(arguments.repeats):
            for name, work in works.items():
                runs[name].append(timed(work))
                print(gap, name, runs[name][-1], flush=True)
        medians = {name: median(some) for name, some in runs.items()}
        result["gaps"][gap] = {
            "seconds": medians,
            "one fit takes so many times the whole frontier's time": {
                kind: {
                    name: round(medians[name][kind] / medians["ours"][kind], 2) for name in LEARNERS
                }
                for kind in ("wall", "processor")
            },
        }
    atomic_write_text(arguments.output, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
