"""A small problem in which a column that gives the group away raises the rate of one group."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from fairfactor.data.task import TableTask
from fairfactor.problem import Problem
from fairfactor.protocol import make_problem


def biased_task(rows: int = 1000, *, groups: int = 2, classes: int = 2, seed: int = 0) -> TableTask:
    """Group g gets a merit of the same law, and a score with an extra 0.8 g."""
    generator = np.random.default_rng(seed)
    group = generator.integers(groups, size=rows)
    merit = generator.normal(size=(rows, 3))
    hint = group + 0.3 * generator.normal(size=rows)
    score = merit.sum(1) + 0.8 * (group - group.mean()) + generator.normal(size=rows)
    limits = np.quantile(score, np.arange(1, classes) / classes)
    frame = pd.DataFrame(merit, columns=["skill", "effort", "luck"])
    return TableTask(
        frame.assign(
            hint=hint,
            group=np.array(list("abcdef"))[group],
            label=np.digitize(score, limits),
        ),
        target="label",
        sensitive_columns=("group",),
    )


@cache
def biased_problem(*, groups: int = 2, classes: int = 2, seed: int = 0) -> Problem:
    """The problem of that task, with a network of two narrow hidden layers."""
    task = biased_task(groups=groups, classes=classes)
    return make_problem(task, seed=seed, hidden=(16, 8))
