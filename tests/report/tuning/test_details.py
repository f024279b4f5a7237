from __future__ import annotations

import json

from tests.report.example_tuning import example_tuning

from fairfactor.report.run import RATES, Estimate
from fairfactor.report.tuning.details import point_details, shift_axes, value_and_interval
from fairfactor.report.tuning.read import read_tuning


def test_one_detail_for_each_point_and_one_for_the_unmitigated_model() -> None:
    metrics = example_tuning()
    details = point_details(read_tuning(metrics))
    assert len(details) == 61
    assert details[metrics["chosen"]].texts["place"].endswith("of 60, the chosen one")
    assert details[-1].texts["place"] == "Unmitigated model"
    assert details[metrics["chosen"]].texts["model"] == "saved in model/"
    json.dumps([detail.as_json() for detail in details])


def test_a_constraint_leads_to_the_points_of_its_frontier_only() -> None:
    metrics = example_tuning()
    details = point_details(read_tuning(metrics))
    for point, detail in zip(metrics["points"], details, strict=False):
        name, _, bound = detail.constraints[0].partition("<=")
        value = point["validation"]["equalized_odds_difference_worst_case"]["value"]
        if point["on_frontier"]["equalized_odds_difference_worst_case"]:
            assert name == "equalized_odds"
            assert value <= float(bound) < value + 0.001
        else:
            assert detail.constraints[0] == ""
    assert any(c.startswith("demographic_parity_difference<=") for c in details[0].constraints)


def test_rates_lie_where_their_axis_says() -> None:
    metrics = example_tuning()
    run = read_tuning(metrics)
    shift = point_details(run)[3].rates[RATES.index("true_positive_rate")][1]
    value = metrics["points"][3]["groups"][1]["true_positive_rate"]["value"]
    assert shift.text == f"{value:.3f}"
    assert shift.middle == shift_axes(run)[RATES.index("true_positive_rate")].position(value)
    assert shift.low is not None
    assert shift.high is not None
    assert shift.low < shift.middle < shift.high


def test_a_group_or_a_rate_that_is_missing_is_a_dash() -> None:
    metrics = example_tuning(points=3)
    metrics["points"][0]["groups"].pop()
    metrics["points"][1]["groups"][0]["accuracy"] = None
    details = point_details(read_tuning(metrics))
    gone, unknown = details[0].rates[0][1], details[1].rates[RATES.index("accuracy")][0]
    assert (gone.text, gone.middle) == (unknown.text, unknown.middle) == ("—", None)
    assert details[0].confusion[1] == ("—",) * 4


def test_a_value_with_and_without_an_interval() -> None:
    assert value_and_interval(Estimate(0.5, 0.25, 0.75)) == ("0.500", "0.250 to 0.750")
    assert value_and_interval(Estimate(0.5, None, None), 1) == ("0.5", "")
