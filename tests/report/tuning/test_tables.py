from __future__ import annotations

from tests.report.example_tuning import (
    example_tuning,
    example_tuning_config,
    with_single_features,
)
from tests.report.markup import Page

from fairfactor.report import render_report
from fairfactor.report.tuning.read import read_tuning
from fairfactor.report.tuning.tables import asked_rows, point_rows, rate_tables


def test_what_was_asked_is_compared_with_what_came_out() -> None:
    asked = ("equalized_odds<=0.05", "worst_group_accuracy>=0.99")
    metrics = example_tuning(constraints=asked)
    rows = asked_rows(read_tuning(metrics))
    assert [row.asked for row in rows] == ["≤ 0.05", "≥ 0.99", "as high as possible"]
    assert rows[1].test.kept is False
    assert rows[2].test.kept is None
    chosen = metrics["points"][metrics["chosen"]]["test"]["accuracy"]
    assert rows[2].test.value == f"{chosen['value']:.3f}"


def test_without_a_choice_there_are_dashes() -> None:
    metrics = example_tuning() | {"chosen": None}
    (row, _) = asked_rows(read_tuning(metrics))
    assert (row.test.value, row.test.kept) == ("—", None)
    assert [len(group.rows) for group in rate_tables(read_tuning(metrics))[0].groups] == [1, 1]


def test_every_group_is_there_before_and_after() -> None:
    metrics = example_tuning(groups=[f"Group {index}" for index in range(5)])
    rates = rate_tables(read_tuning(metrics))[0].groups
    assert [group.name for group in rates] == [f"Group {index}" for index in range(5)]
    before, after = rates[0].rows
    assert (before.model, after.model) == ("unmitigated", "chosen")
    outcome = metrics["unmitigated"]["groups"][0]["selection_rate"]
    assert before.cells[0][0] == f"{outcome['value']:.3f}"
    assert before.cells[0][1] == f"{outcome['low']:.3f} to {outcome['high']:.3f}"


def test_rows_of_points_mark_the_chosen_one() -> None:
    metrics = example_tuning()
    run = read_tuning(metrics)
    rows = point_rows(run, range(60), run.ordered_metrics)
    assert [row.index for row in rows if row.chosen] == [metrics["chosen"]]
    values = [metrics["points"][4][split]["accuracy"]["value"] for split in ("validation", "test")]
    assert rows[4].values[0] == tuple(f"{value:.3f}" for value in values)


def test_single_features_come_before_their_intersections() -> None:
    names = ("Female × Black", "Female × White", "Male × Black", "Male × White")
    metrics = with_single_features(example_tuning(points=6, groups=names))
    metrics["single_features"][1]["after"][0]["count"] = 99
    tables = rate_tables(read_tuning(metrics))
    assert [table.features for table in tables] == ["sex", "race", "sex × race"]
    assert [len(table.groups) for table in tables] == [2, 2, 4]
    flagged = [g.name for table in tables for g in table.groups if g.is_small]
    assert flagged == ["Black"]
    page = Page(render_report(metrics, example_tuning_config()))
    assert "By sex × race intersections" in page.text
    assert [a["class"] for a in page.all("b") if a.get("class")].count("tag few") == 1
    for feature in metrics["single_features"]:
        for model in ("before", "after"):
            for group in feature[model]:
                rate = group["selection_rate"]
                assert f"{rate['low']:.3f} to {rate['high']:.3f}" in page.text


def test_one_feature_has_one_table_without_a_heading() -> None:
    text = Page(render_report(example_tuning(points=6), example_tuning_config())).text
    assert "By sex" not in text
    assert "intersections" not in text
