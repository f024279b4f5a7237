from __future__ import annotations

import json
import math

import numpy as np
import torch
from tests.studies.examples import hiring_task

from fairfactor.fairness import METRICS
from fairfactor.groups import encode_groups
from fairfactor.studies.reported import (
    REPORTED_METRICS,
    describe_data,
    environment,
    json_safe,
)


def test_every_metric_is_known_and_explained():
    for metric in REPORTED_METRICS:
        assert metric["key"] in METRICS
        assert metric["meaning"].endswith(".")
        assert metric["unit"] == ("%" if metric["key"] == "paper_error" else "")
        assert metric["lower_is_better"] == ("accuracy" not in metric["key"])


def test_data_are_described_by_counts():
    task = hiring_task()
    groups = encode_groups(task.sensitive_features)
    parts = {"train": np.array([200, 250]), "test": np.array([90, 60])}
    found = describe_data(task, groups, {"name": "Hiring"}, ("skill", "town"), parts)
    assert found["name"] == "Hiring"
    assert (found["rows"], found["splits"]) == (600, {"train": 450, "test": 150})
    assert (found["target"], found["positive_class"]) == ("hired", "yes")
    assert (found["sensitive_features"], found["features"]) == (["sex"], ["skill", "town"])
    rates = task.frame.groupby("sex")["hired"].agg(lambda hired: (hired == "yes").mean())
    assert found["groups"] == [
        {"name": "f", "train": 200, "test": 90, "positive_rate": rates["f"]},
        {"name": "m", "train": 250, "test": 60, "positive_rate": rates["m"]},
    ]


def test_json_has_no_nan_and_no_infinity():
    value = {"a": (1, math.nan, [math.inf, -math.inf]), "b": {"c": np.float64("nan"), "d": "x"}}
    found = json_safe(value)
    assert found == {"a": [1, None, [None, None]], "b": {"c": None, "d": "x"}}
    json.dumps(found, allow_nan=False)


def test_the_environment_has_versions():
    found = environment()
    assert found["torch"] == torch.__version__
    assert set(found) == {"python", "torch", "platform", "threads"}
