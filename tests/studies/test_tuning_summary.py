from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.oracles import fairness_oracle
from tests.studies.examples import (
    DESCRIPTION,
    hiring_frame,
    hiring_task,
    small_tuning,
    three_level_task,
)

from fairfactor.data.splits import benchmark_split
from fairfactor.data.task import TableTask
from fairfactor.mitigation import OperatingPoint
from fairfactor.part import Part
from fairfactor.problem import predict_classes
from fairfactor.report import render_report
from fairfactor.studies.reported import REPORTED_METRICS
from fairfactor.studies.tuning import Tuning
from fairfactor.studies.tuning_summary import FRONTIER_GAPS, summarize_tuning

ONE = ("input-features",)
DP = "demographic_parity_difference"
EO = "equalized_odds_difference_worst_case"


@pytest.fixture(scope="module")
def metrics(tuning: Tuning) -> dict[str, Any]:
    return summarize_tuning(tuning, DESCRIPTION)


@pytest.fixture(scope="module")
def levels() -> Tuning:
    return small_tuning("equalized_odds<=0.6", task=three_level_task(), recipes=("late-features",))


def numbers(value: Any) -> Iterator[float]:
    """Every number within nested JSON values."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, (int, float)):
        yield value


def by_oracle(part: Part, predicted: np.ndarray, n_classes: int) -> dict[str, float]:
    labels, groups = part.labels.numpy(), part.groups.numpy()
    return fairness_oracle.metrics(labels, predicted, groups, n_classes)


def assert_measured(found: dict[str, Any], expected: dict[str, float]) -> None:
    for key in {metric["key"] for metric in REPORTED_METRICS} - {"paper_error"}:
        estimate = found[key]
        assert estimate["value"] == pytest.approx(expected[key], abs=1e-12), key
        assert estimate["low"] <= estimate["value"]
        assert estimate["high"] is None or estimate["value"] <= estimate["high"]


def test_it_is_json_without_nan_and_the_report_renders(metrics: dict[str, Any]) -> None:
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert all(math.isfinite(number) for number in numbers(metrics))
    assert (metrics["format"], metrics["kind"]) == (1, "tuning")
    page = render_report(metrics, {"data": "people.csv", "constraint": ["equalized_odds<=0.2"]})
    assert metrics["verdict"]["headline"].split("<=")[0] in page


def test_no_row_of_the_data_is_in_it(metrics: dict[str, Any]) -> None:
    written = set(numbers(metrics))
    assert not written & set(hiring_frame()["skill"])
    longest = max(
        len(value)
        for point in (metrics, *metrics["points"])
        for value in point.values()
        if isinstance(value, list)
    )
    assert longest <= 121


def test_what_was_asked_for(metrics: dict[str, Any], tuning: Tuning) -> None:
    assert metrics["constraints"] == [
        {"text": "equalized_odds<=0.2", "metric": EO, "sign": "<=", "bound": 0.2}
    ]
    assert (metrics["confidence"], metrics["met"]) == (0.6, True)
    assert metrics["tried"] == len(tuning.tuned.frontier)
    split = benchmark_split(hiring_task().labels, seed=0)
    assert metrics["data"]["splits"] == {name: len(rows) for name, rows in split.items()}
    assert metrics["data"]["name"] == "Hiring"


def test_the_chosen_point_is_the_one_that_was_chosen(
    metrics: dict[str, Any], tuning: Tuning
) -> None:
    chosen, problem = metrics["points"][metrics["chosen"]], tuning.problem
    point = tuning.tuned.chosen
    assert [p["model"] for p in metrics["points"]].count("model") == 1
    assert chosen["model"] == "model"
    assert chosen["recipe"] == point.recipe
    assert chosen["trained_parameters"] == point.trained_parameters
    assert not chosen["groups_at_prediction"]
    for name in ("validation", "test"):
        part = getattr(problem, name)
        predicted = predict_classes(point.decide, part.inputs)
        assert_measured(chosen[name], by_oracle(part, predicted, 2))


def test_the_unmitigated_network_stands_beside_it(metrics: dict[str, Any], tuning: Tuning) -> None:
    problem = tuning.problem
    unmitigated = metrics["unmitigated"]
    for name in ("validation", "test"):
        part = getattr(problem, name)
        predicted = predict_classes(problem.backbone, part.inputs)
        assert_measured(unmitigated[name], by_oracle(part, predicted, 2))
    assert unmitigated["trained_parameters"] == 0
    assert unmitigated["total_parameters"] == sum(p.numel() for p in problem.backbone.parameters())


def test_every_point_decides_on_test_rows_as_its_network_does(
    metrics: dict[str, Any], tuning: Tuning
) -> None:
    """The frontier is counted at once; each point alone gives the same."""
    test = tuning.problem.test
    by_accuracy: dict[float, set[float]] = {}
    for point in tuning.tuned.frontier.points:
        accuracy = point.metric("accuracy")
        by_accuracy.setdefault(accuracy, set()).add(point.metric("equalized_odds"))
    for described in metrics["points"]:
        value = described["validation"]["accuracy"]["value"]
        assert described["validation"][EO]["value"] in by_accuracy[value]

    def tested(point: OperatingPoint) -> float:
        return float((predict_classes(point.decide, test.inputs) == test.labels.numpy()).mean())

    accuracies = {round(tested(point), 9) for point in tuning.tuned.frontier.pareto().points}
    written = {round(point["test"]["accuracy"]["value"], 9) for point in metrics["points"]}
    assert accuracies <= written


def test_groups_add_up(metrics: dict[str, Any], tuning: Tuning) -> None:
    for point in metrics["points"]:
        assert [group["name"] for group in point["groups"]] == ["f", "m"]
        for code, group in enumerate(point["groups"]):
            cells = group["confusion"]
            assert group["count"] == sum(cells.values())
            assert group["count"] == int((tuning.problem.test.groups == code).sum())
            assert group["positives"] == cells["tp"] + cells["fn"]
            rate = cells["tp"] / group["positives"]
            assert group["true_positive_rate"]["value"] == pytest.approx(rate)


def test_points_are_ordered_and_know_their_frontiers(
    metrics: dict[str, Any], tuning: Tuning
) -> None:
    accuracies = [point["validation"]["accuracy"]["value"] for point in metrics["points"]]
    assert accuracies == sorted(accuracies, reverse=True)
    pairs = [
        (p.metric("accuracy"), {m: p.metric(n) for n, m in FRONTIER_GAPS.items()})
        for p in tuning.tuned.frontier.points
    ]
    for point in metrics["points"]:
        for metric, claimed in point["on_frontier"].items():
            own = (
                point["validation"]["accuracy"]["value"],
                point["validation"][metric]["value"],
            )
            beaten = any(
                accuracy >= own[0] and gaps[metric] <= own[1] and (accuracy, gaps[metric]) != own
                for accuracy, gaps in pairs
            )
            assert not (claimed and beaten)
    for metric in FRONTIER_GAPS.values():
        assert sum(point["on_frontier"][metric] for point in metrics["points"]) >= 2


def test_several_classes_and_groups(levels: Tuning) -> None:
    metrics = summarize_tuning(levels, DESCRIPTION)
    json.dumps(metrics, allow_nan=False)
    render_report(metrics, {"data": "people.csv"})
    chosen = metrics["points"][metrics["chosen"]]
    assert [group["name"] for group in chosen["groups"]] == ["a", "b", "c"]
    assert all(group["confusion"] is None for group in chosen["groups"])
    test = levels.problem.test
    predicted = predict_classes(levels.tuned.chosen.decide, test.inputs)
    assert_measured(chosen["test"], by_oracle(test, predicted, 3))


def test_one_sensitive_feature_has_no_features_of_its_own(metrics: dict[str, Any]) -> None:
    assert metrics["single_features"] == []


@pytest.mark.parametrize("asks", [False, True])
def test_each_of_several_sensitive_features_alone(asks: bool) -> None:
    frame = hiring_frame()
    task = TableTask(frame, "hired", ("sex", "town"), positive_label="yes")
    found = small_tuning(
        "equalized_odds<=0.5", task=task, recipes=ONE, groups_at_prediction=asks, seed=3
    )
    chosen = replace(found.tuned.chosen, groups_at_prediction=asks)
    found = replace(found, tuned=replace(found.tuned, chosen=chosen))
    points = (*found.tuned.frontier.points, chosen)
    frontier = replace(found.tuned.frontier, points=points)
    found = replace(found, tuned=replace(found.tuned, frontier=frontier))
    metrics = summarize_tuning(found, DESCRIPTION)
    json.dumps(metrics, allow_nan=False)
    test = found.problem.test
    rows = benchmark_split(task.labels, seed=3)["test"]
    scores = chosen.decide(test.inputs, *([test.groups] if asks else []))
    decided = {
        "before": predict_classes(found.problem.backbone, test.inputs),
        "after": scores.argmax(dim=1).numpy(),
    }
    assert [entry["feature"] for entry in metrics["single_features"]] == ["sex", "town"]
    for entry in metrics["single_features"]:
        values = frame[entry["feature"]].iloc[rows].to_numpy()
        for model, classes in decided.items():
            for group in entry[model]:
                own = values == group["name"]
                assert group["count"] == own.sum()
                assert group["positives"] == (test.labels.numpy()[own] == 1).sum()
                assert group["selection_rate"]["value"] == pytest.approx((classes[own] == 1).mean())


def test_probabilities_of_both_models_are_compared_with_test_rows(
    metrics: dict[str, Any], tuning: Tuning
) -> None:
    written, test = metrics["calibration"], tuning.problem.test
    assert written["of_positive_class"]
    for model in ("before", "after"):
        assert [group["name"] for group in written[model]] == ["f", "m"]
        for code, group in enumerate(written[model]):
            own = test.groups.numpy() == code
            assert group["count"] == own.sum()
            hits = sum(one["count"] * one["rate"]["value"] for one in group["bins"])
            positives = test.labels.numpy()[own].sum()
            assert positives - group["suppressed"] - 1e-9 <= hits <= positives + 1e-9
    with torch.no_grad():
        said = tuning.problem.backbone(test.inputs).softmax(dim=1)[test.groups == 0, 1]
    fullest = max(written["before"][0]["bins"], key=lambda one: one["count"])
    low = fullest["place"] / written["bins"]
    own = (said > low) & (said <= low + 1 / written["bins"])
    assert fullest["probability"] == pytest.approx(float(said[own].mean()), abs=1e-6)


def test_without_a_constraint_nothing_is_met_or_missed() -> None:
    found = small_tuning(recipes=ONE)
    metrics = summarize_tuning(found, DESCRIPTION)
    assert metrics["met"] is None
    assert metrics["constraints"] == []
    assert metrics["confidence"] is None
    render_report(metrics, {"data": "people.csv", "constraint": []})


@pytest.mark.parametrize(
    ("text", "metric", "sign", "bound"),
    [
        ("error_rate<=0.4", "accuracy", ">=", 0.6),
        ("worst_group_error<=0.4", "worst_group_accuracy", ">=", 0.6),
        ("false_positive_rate<=0.4", "false_positive_rate_difference", "<=", 0.4),
    ],
)
def test_every_constraint_is_on_a_metric_that_is_reported(
    text: str, metric: str, sign: str, bound: float
) -> None:
    metrics = summarize_tuning(small_tuning(text, recipes=ONE), DESCRIPTION)
    assert metrics["constraints"] == [
        {"text": text, "metric": metric, "sign": sign, "bound": bound}
    ]
    assert metrics["met"]
    assert metric in {described["key"] for described in metrics["metrics"]}
    render_report(metrics, {"data": "people.csv", "constraint": [text]})


@pytest.mark.parametrize("undefined", ["validation", "test"])
def test_a_gap_that_is_undefined_on_some_rows_is_null(tuning: Tuning, undefined: str) -> None:
    """A part of the split may lack the few positive rows of a group."""
    part = getattr(tuning.problem, undefined)
    kept = ~((part.groups == 0) & (part.labels == 1))
    fewer = Part(part.inputs[kept], part.labels[kept], part.groups[kept])
    problem = replace(tuning.problem, **{undefined: fewer})
    changed = replace(tuning, problem=problem)
    if undefined == "validation":

        def without_positives(point: OperatingPoint) -> OperatingPoint:
            cells = point.validation.cells.copy()
            cells[0, 1] = 0
            return replace(point, validation=replace(point.validation, cells=cells))

        points = tuple(without_positives(p) for p in tuning.tuned.frontier.points[:50])
        frontier = replace(tuning.tuned.frontier, points=points)
        tuned = replace(tuning.tuned, frontier=frontier, chosen=points[3], met=False)
        changed = replace(changed, tuned=tuned)
    metrics = summarize_tuning(changed, DESCRIPTION)
    json.dumps(metrics, allow_nan=False)
    page = render_report(metrics, {"data": "people.csv"})
    assert "nan" not in " ".join(metrics["verdict"]["sentences"])
    assert "Infinity" not in page
    chosen = metrics["points"][metrics["chosen"]]
    assert chosen[undefined][EO] == {"value": None, "low": None, "high": None}
    assert chosen[undefined][DP]["value"] is not None
    defined = {DP} if undefined == "validation" else set(FRONTIER_GAPS.values())
    assert set(chosen["on_frontier"]) == defined
    codes = {finding["code"] for finding in metrics["findings"]}
    assert ("undefined-on-test" in codes) == (undefined == "test")
