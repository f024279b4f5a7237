"""Small comparisons, made by running them or by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fairfactor.config import RunConfig
from fairfactor.data.task import TableTask
from fairfactor.studies.comparison import Comparison
from fairfactor.studies.seed_run import Cell


def hiring_frame(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Who was hired, which follows from skill and town; the two sexes differ in skill a little."""
    source = np.random.default_rng(seed)
    sex = source.choice(["f", "m"], rows)
    skill = source.normal(np.where(sex == "m", 0.4, 0.0), 1.0)
    town = source.choice(["A", "B", "C"], rows)
    noise = source.normal(0, 0.7, rows)
    hired = skill + (town == "A") + noise > 0.5
    return pd.DataFrame(
        {
            "skill": skill,
            "hours": source.integers(10, 60, rows),
            "town": town,
            "sex": sex,
            "hired": np.where(hired, "yes", "no"),
        }
    )


def hiring_task(rows: int = 600, seed: int = 0) -> TableTask:
    return TableTask(hiring_frame(rows, seed), "hired", ("sex",), positive_label="yes")


def small_config(**changes: object) -> RunConfig:
    values: dict[str, object] = {
        "encoding": "label",
        "hidden": (6,),
        "seeds": 2,
        "pretraining_epochs": 3,
        "epochs": 2,
        "learning_rates": (0.01,),
        "batch_size": 64,
    }
    return RunConfig(**(values | changes))  # type: ignore[arg-type]


def with_values(
    comparison: Comparison, values: Mapping[Cell, Mapping[str, Sequence[float]]]
) -> Comparison:
    """The same comparison with other cells, seeds and metrics.

    Args:
        comparison: A comparison whose first outcome of the same method and rank lends the rest.
        values: By cell and metric one value a seed; other metrics are 0.5 on every seed.
    """
    seeds = len(next(iter(next(iter(values.values())).values())))
    templates = {outcome.cell: outcome for outcome in comparison.outcomes}
    runs = []
    for seed in range(seeds):
        outcomes = []
        for cell, metrics in values.items():
            template = templates[cell]
            chosen = {name: series[seed] for name, series in metrics.items()}
            usual = dict.fromkeys(template.metrics, 0.5)
            outcomes.append(replace(template, seed=seed, metrics=usual | chosen))
        runs.append(replace(comparison.runs[0], outcomes=tuple(outcomes)))
    config = replace(comparison.config, seeds=seeds)
    return replace(comparison, config=config, runs=tuple(runs))
