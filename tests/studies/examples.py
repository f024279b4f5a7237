"""Small comparisons and tunings, made by running them or by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.data.task import TableTask
from fairfactor.fairness import METRICS
from fairfactor.groups import encode_groups
from fairfactor.studies.comparison import Comparison
from fairfactor.studies.peer_comparison import PeerComparison
from fairfactor.studies.peer_run import BOUNDS, GAPS, Choice, PeerOutcome, PeerRun, tried_settings
from fairfactor.studies.seed_run import Cell
from fairfactor.studies.tuning import Tuning, run_tuning

FROZEN = ("late-features", "input-features")
"""Recipes that train no network."""
DESCRIPTION = {
    "name": "Hiring",
    "description": "Made up.",
    "licence": "CC0-1.0",
    "citation": "",
}


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


def three_level_task(rows: int = 600) -> TableTask:
    """Three classes and three groups."""
    source = np.random.default_rng(0)
    frame = hiring_frame(rows).drop(columns=["hired", "sex"])
    frame["team"] = source.choice(["a", "b", "c"], rows)
    score = frame["skill"] + 0.3 * (frame["team"] == "c") + source.normal(0, 0.5, rows)
    frame["level"] = np.array(["high", "low", "mid"])[np.digitize(score, [-0.3, 0.6]) - 2]
    return TableTask(frame, "level", ("team",))


def small_tuning(*constraints: str, task: TableTask | None = None, **changes: object) -> Tuning:
    values: dict[str, object] = {"recipes": FROZEN, "hidden": (8, 6)}
    return run_tuning(task or hiring_task(), constraints, **(values | changes))  # type: ignore[arg-type]


def small_compare_config(**changes: object) -> CompareConfig:
    values: dict[str, object] = {
        "peers": ("unmitigated", "gap-penalty-dp"),
        "recipes": FROZEN,
        "hidden": (8, 6),
        "seeds": 2,
        "settings": 1,
    }
    return CompareConfig(**(values | changes))  # type: ignore[arg-type]


def made_up_peers(
    ours: Sequence[Mapping[str, float]],
    theirs: Sequence[Mapping[str, float]],
    *,
    key: str = "gap-penalty-dp",
    gaps: Sequence[str] = ("demographic_parity",),
    missing: Mapping[str, str] | None = None,
) -> PeerComparison:
    """A comparison with the strongest setting of one peer; metrics not given are 0.5.

    Args:
        ours: Metrics of our point on test rows, one mapping a seed.
        theirs: Those of the peer, on validation and test rows.
        key: The peer.
        gaps: Gaps that our points were chosen for.
        missing: Why other peers are missing.
    """
    usual = dict.fromkeys(METRICS, 0.5)
    [place] = tried_settings(key, 1)
    runs = []
    for seed, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        choice = Choice(True, FROZEN[seed % 2], 10 + seed, usual | our)
        outcome = PeerOutcome(
            usual | their, usual | their, 100, 1.0 + seed, dict.fromkeys(gaps, choice)
        )
        runs.append(
            PeerRun(
                seed=seed,
                gaps=dict(missing or {}),
                outcomes={(key, place): outcome},
                frontier={(gap, bound): choice for gap in GAPS for bound in BOUNDS},
                group_sizes={part: np.array([200, 100]) for part in ("train", "test")},
                features=("skill", "town"),
                seconds={"pretraining": 1.0, "ours": 2.0, "peers": 3.0},
            )
        )
    task = hiring_task()
    config = small_compare_config(peers=(key, *(missing or {})), seeds=len(runs))
    return PeerComparison(config, task, encode_groups(task.sensitive_features), tuple(runs), 9.0)
