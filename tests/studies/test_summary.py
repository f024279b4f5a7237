from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.studies.examples import hiring_frame, hiring_task, small_config, with_values

from fairfactor.data.task import TableTask
from fairfactor.fairness import METRICS, ConfusionCounts
from fairfactor.intervals import mean_interval, paired_difference
from fairfactor.neutralization import neutralize
from fairfactor.report.read import read_run
from fairfactor.studies.comparison import Comparison, compare_methods
from fairfactor.studies.findings import find
from fairfactor.studies.summary import cell_id, summarize
from fairfactor.studies.verdict import give_verdict

DP = "demographic_parity_difference"


@pytest.fixture(scope="module")
def summary(comparison: Comparison) -> dict[str, Any]:
    return summarize(comparison)


def method(summary: dict[str, Any], identifier: str) -> dict[str, Any]:
    return next(entry for entry in summary["methods"] if entry["id"] == identifier)


def test_it_is_json_that_the_report_can_read(summary, comparison) -> None:
    text = json.dumps(summary, allow_nan=False)
    assert json.loads(text) == summary
    run = read_run(summary)
    assert run.seed_count == 2
    assert len(run.methods) == len(comparison.cells) == 8


def test_every_reported_metric_is_measured(summary) -> None:
    keys = [metric["key"] for metric in summary["metrics"]]
    assert len(keys) == len(set(keys))
    assert set(keys) <= METRICS.keys()
    for entry in summary["methods"]:
        assert list(entry["summary"]) == keys


def test_methods_have_the_values_of_their_seeds(summary, comparison) -> None:
    for entry, cell in zip(summary["methods"], comparison.cells, strict=True):
        assert (entry["method"], entry["rank"]) == cell
        assert entry["id"] == cell_id(cell)
        values = comparison.values(cell, DP)
        assert [row["seed"] for row in entry["seeds"]] == [0, 1]
        assert [row[DP] for row in entry["seeds"]] == values
        assert entry["summary"][DP]["mean"] == mean_interval(values).mean
        assert entry["summary"][DP]["sd"] == mean_interval(values).sd


def test_differences_are_paired(summary, comparison) -> None:
    entry = method(summary, "neutralized-rank-1")
    assert list(entry["differences"]) == summary["reference_methods"]
    expected = paired_difference(
        comparison.values(("neutralized", 1), DP), comparison.values(("plain-svd", 1), DP)
    )
    found = entry["differences"]["plain-svd"][DP]
    assert (found["mean"], found["low"], found["p_value"]) == (
        expected.mean,
        expected.low,
        expected.p_value,
    )
    assert method(summary, "head-tuning")["differences"] == {}


def test_parameters_replacement_and_tuning(summary) -> None:
    """A 3-6-2 network has 38 parameters, its head 14; factors of rank 1 have 10."""
    untouched, tuned = method(summary, "pretrained"), method(summary, "neutralized-rank-1")
    assert (untouched["trained_parameters"], untouched["total_parameters"]) == (0, 38)
    assert untouched["replacement"] is None
    assert untouched["tuning"] == []
    assert (tuned["trained_parameters"], tuned["total_parameters"]) == (10, 34)
    assert tuned["replacement"]["parameters_before"] == 14
    assert tuned["replacement"]["parameters_after"] == 10
    assert tuned["replacement"]["break_even_rank"] == 1
    change = tuned["replacement"]["relative_weight_change"]
    assert 0 < change["mean"] <= change["max"] < 1
    assert [row["seed"] for row in tuned["tuning"]] == [0, 1]
    assert {row["learning_rate"] for row in tuned["tuning"]} == {0.01}


def test_groups_have_their_mean_rates(summary, comparison) -> None:
    entry = method(summary, "head-tuning")
    outcomes = [o for o in comparison.outcomes if o.cell == ("head-tuning", None)]
    assert [group["name"] for group in entry["groups"]] == ["f", "m"]
    for code, group in enumerate(entry["groups"]):
        assert group["count"] == np.mean([o.counts.sizes[code] for o in outcomes])
        for rate, table in {
            "selection_rate": [o.counts.selection_rates[code, 1] for o in outcomes],
            "true_positive_rate": [o.counts.true_positive_rates[code, 1] for o in outcomes],
            "false_positive_rate": [o.counts.false_positive_rates[code, 1] for o in outcomes],
            "accuracy": [o.counts.accuracies[code] for o in outcomes],
        }.items():
            assert group[rate]["mean"] == pytest.approx(np.mean(table))


def test_importance_is_that_of_the_first_seed(summary, comparison) -> None:
    importance, rows = summary["importance"], comparison.runs[0].fisher.row_importance
    assert importance["groups"] == ["f", "m"]
    assert importance["seed"] == 0
    assert importance["row_importance"] == rows.tolist()
    assert importance["neutralized"] == neutralize(rows).tolist()
    assert importance["correlation"] == pytest.approx(np.corrcoef(rows.numpy())[0, 1])
    means = rows.mean(1)
    assert importance["scale_ratio"] == pytest.approx(float(means.max() / means.min()))


def test_verdict_and_findings_are_those_of_the_study(summary, comparison) -> None:
    assert summary["verdict"]["headline"] == give_verdict(comparison).headline
    assert [finding["text"] for finding in summary["findings"]] == [
        finding.text for finding in find(comparison)
    ]


def test_no_row_of_the_data_is_kept(summary) -> None:
    def lists(value: Any) -> list[list]:
        if isinstance(value, dict):
            value = list(value.values())
            return [found for item in value for found in lists(item)]
        if isinstance(value, list):
            return [value, *(found for item in value for found in lists(item))]
        return []

    assert max(map(len, lists(summary))) <= 10
    assert summary["data"]["rows"] == 600


def test_what_is_undefined_is_null(comparison) -> None:
    cells = {
        ("neutralized", 1): {DP: [math.nan, math.nan]},
        ("head-tuning", None): {DP: [0.1, 0.2]},
    }
    found = summarize(with_values(comparison, cells))
    entry = method(found, "neutralized-rank-1")
    assert entry["summary"][DP] is None
    assert entry["differences"]["head-tuning"][DP] is None
    assert [row[DP] for row in entry["seeds"]] == [None, None]
    assert read_run(json.loads(json.dumps(found, allow_nan=False))).methods[0].identifier


def test_a_rate_is_the_mean_over_the_seeds_where_it_is_defined(comparison) -> None:
    def without_positives(outcome):
        cells = outcome.counts.cells.copy()
        cells[0, 1] = 0
        return replace(outcome, counts=ConfusionCounts(cells, outcome.counts.group_names))

    first, second = comparison.runs
    runs = (first, replace(second, outcomes=tuple(map(without_positives, second.outcomes))))
    rates = method(summarize(replace(comparison, runs=runs)), "head-tuning")["groups"][0]
    assert rates["true_positive_rate"]["n"] == 1
    assert rates["selection_rate"]["n"] == 2


def test_one_seed_has_no_interval() -> None:
    comparison = compare_methods(hiring_task(), small_config(seeds=1), workers=1)
    found = method(summarize(comparison), "neutralized-rank-1")
    for interval in (found["summary"][DP], found["differences"]["head-tuning"][DP]):
        assert interval["mean"] is not None
        assert interval["low"] is interval["high"] is interval["sd"] is None


def test_one_hidden_unit_has_no_correlation() -> None:
    config = small_config(seeds=1, hidden=(1,), rank=(1,))
    found = summarize(compare_methods(hiring_task(), config, workers=1))
    assert found["importance"]["correlation"] is None
    assert read_run(found).importance is not None


def test_three_classes_and_three_groups() -> None:
    frame = hiring_frame()
    frame["sex"] = np.resize(["f", "m", "x"], 600)
    frame["hired"] = frame["hired"].where(frame["skill"] < 1, "at once")
    task = replace(hiring_task(), frame=frame, positive_label=None)
    found = summarize(compare_methods(task, small_config(), workers=1))
    assert found["data"]["positive_class"] == "yes"
    for group in found["data"]["groups"]:
        rows = frame[frame["sex"] == group["name"]]
        assert group["positive_rate"] == pytest.approx((rows["hired"] == "yes").mean())
    assert len(found["importance"]["row_importance"]) == 3
    assert read_run(found).seed_count == 2


@pytest.mark.parametrize(
    ("cell", "identifier"),
    [(("head-tuning", None), "head-tuning"), (("plain-svd", 2), "plain-svd-rank-2")],
)
def test_cells_have_names_for_machines(cell, identifier) -> None:
    assert cell_id(cell) == identifier


def test_losses_of_every_epoch_are_kept(summary, comparison) -> None:
    entry = method(summary, "head-tuning")
    outcomes = [o for o in comparison.outcomes if o.cell == ("head-tuning", None)]
    for written, outcome in zip(entry["tuning"], outcomes, strict=True):
        assert written["training_losses"] == list(outcome.history.training_loss)
        assert written["validation_losses"] == list(outcome.history.validation_loss)
        assert written["validation_losses"][written["epoch"]] == written["validation_loss"]


def test_calibration_is_that_of_the_first_seed(summary, comparison) -> None:
    sizes = comparison.runs[0].group_sizes["test"]
    for model in ("before", "after"):
        written = summary["calibration"][model]
        assert [group["count"] for group in written] == sizes.tolist()
        for group in written:
            assert group["count"] == group["suppressed"] + sum(b["count"] for b in group["bins"])


def test_single_features_are_sums_over_intersections() -> None:
    task = TableTask(hiring_frame(900), "hired", ("sex", "town"), positive_label="yes")
    found = compare_methods(task, small_config(method=("pretrained", "head-tuning")))
    summary = summarize(found)
    for entry, cell in zip(summary["methods"], found.cells, strict=True):
        assert [part["feature"] for part in entry["single_features"]] == ["sex", "town"]
        counts = [outcome.counts for outcome in found.outcomes if outcome.cell == cell]
        for place, part in enumerate(entry["single_features"]):
            for group in part["groups"]:
                own = [group["name"] == n.split(" × ")[place] for n in counts[0].group_names]
                sizes = [one.sizes[own].sum() for one in counts]
                right = [one.correct[own].sum() for one in counts]
                assert group["count"] == np.mean(sizes)
                expected = np.mean(np.divide(right, sizes))
                assert group["accuracy"]["mean"] == pytest.approx(expected)
