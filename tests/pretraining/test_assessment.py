from __future__ import annotations

import numpy as np
import pandas as pd

from fairfactor.intervals import wilson_interval
from fairfactor.pretraining.assessment import accuracies


def test_all_rows_and_then_each_group():
    targets = np.array([0, 1, 2, 0, 1])
    predicted = np.array([0, 1, 0, 1, 1])
    columns = pd.DataFrame(
        {"sex": ["f", "f", "m", "f", None], "race": pd.Categorical(list("aabba"))}
    )
    found = [(one.column, one.group, one.count) for one in accuracies(targets, predicted, columns)]
    assert found == [
        ("", "all", 5),
        ("sex", "f", 3),
        ("sex", "m", 1),
        ("sex", "missing", 1),
        ("race", "a", 3),
        ("race", "b", 2),
    ]
    frequent = [one.most_frequent for one in accuracies(targets, predicted, columns)]
    assert frequent == [0.4, 2 / 3, 0.0, 0.0, 1 / 3, 0.5]
    by_group = {one.group: one.accuracy for one in accuracies(targets, predicted, columns)}
    assert by_group["f"] == wilson_interval(2, 3)
    assert by_group["m"].value == 0
    assert by_group["all"].value == 0.6
