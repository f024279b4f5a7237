import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fairfactor.data.task import TableTask
from fairfactor.groups import encode_groups
from fairfactor.studies.leakage import find_leakage, measure_leakage, with_leakage

ROWS = 1500


@pytest.fixture(scope="module")
def frame():
    generator = np.random.default_rng(0)
    sex = generator.choice(["f", "m"], ROWS)
    ability = generator.normal(size=ROWS)
    paid = ability + generator.normal(size=ROWS) > 0
    title = np.where(sex == "f", "Ms", "Mr").astype(object)
    title[::90] = None
    return pd.DataFrame(
        {
            "ability": ability,
            "height": generator.normal(np.where(sex == "m", 180, 168), 7),
            "title": title,
            "noise": generator.normal(size=ROWS),
            "town": generator.choice(list("abcdefgh"), ROWS),
            "bonus": paid * 10 + generator.normal(size=ROWS) * 0.5,
            "sex": sex,
            "paid": np.where(paid, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def task(frame):
    return TableTask(frame, "paid", ("sex",))


@pytest.fixture(scope="module")
def leakage(task):
    return measure_leakage(task, encode_groups(task.sensitive_features))


def test_strengths_are_those_of_the_columns(frame, leakage):
    group = {one.column: one.auc for one in leakage.group}
    target = {one.column: one.auc for one in leakage.target}
    assert list(group) == sorted(group, key=lambda name: -group[name])
    assert group["title"] > 0.98
    exact = roc_auc_score(frame.sex == "m", frame.height)
    assert abs(group["height"] - exact) < 0.04
    for name in ("noise", "town"):
        assert abs(group[name] - 0.5) < 0.05
        assert abs(target[name] - 0.5) < 0.05
    assert target["bonus"] > 0.99
    assert 0.6 < target["ability"] < 0.9
    assert leakage.group_together > 0.98


def test_what_gives_away_target_or_group_is_a_warning(task, leakage):
    found = {finding.code: finding for finding in find_leakage(task, leakage)}
    assert "bonus (1.00): alone it nearly determines the target 'paid'" in found["target-leak"].text
    assert "--exclude" in found["target-leak"].text
    assert found["strong-proxy"].text.startswith("title (")
    assert "height (" in found["proxies"].text
    assert found["proxies"].severity == "note"


def test_nothing_is_found_where_nothing_is(frame):
    frame = frame[["noise", "town", "sex", "paid"]]
    task = TableTask(frame, "paid", ("sex",))
    leakage = measure_leakage(task, encode_groups(task.sensitive_features))
    assert find_leakage(task, leakage) == []


def test_many_groups_classes_and_rows_without_a_group(frame):
    generator = np.random.default_rng(1)
    frame = frame.assign(
        sex=generator.choice(["a", "b", "c", None], ROWS),
        paid=generator.choice(["x", "y", "z"], ROWS),
    )
    frame.loc[0, "sex"] = "alone"
    task = TableTask(frame, "paid", ("sex",))
    groups = encode_groups(task.sensitive_features, missing="exclude", minimum_size=0)
    leakage = measure_leakage(task, groups)
    assert leakage.rows == (frame.sex.notna()).sum()
    assert all(0.4 < one.auc < 0.6 for one in leakage.group)


def test_results_hold_strengths_and_no_value(task, leakage):
    metrics = {"data": {"rows": ROWS}, "findings": [{"severity": "note", "code": "x", "text": ""}]}
    found = with_leakage(metrics, task, leakage)
    text = json.dumps(found)
    assert found["data"]["leakage"]["group"][0]["column"] == "title"
    assert [one["severity"] for one in found["findings"]] == ["warning", "warning", "note", "note"]
    assert "Ms" not in text
