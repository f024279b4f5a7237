from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.report.example_tuning import GAPS, example_tuning

from fairfactor.report.tuning.read import read_tuning
from fairfactor.report.tuning.run import TuningRun
from fairfactor.report.tuning.views import frontier_views, legend


def first_view(run: TuningRun, active: int | None = 0) -> ET.Element:
    return ET.fromstring(frontier_views(run, active)[0].chart)


def spots(svg: ET.Element) -> dict[str | None, str]:
    groups = [group for group in svg.iter("g") if group.get("class", "").startswith("spot")]
    return {group.get("data-point"): group.get("class", "") for group in groups}


def test_every_gap_is_drawn_on_both_splits_on_the_same_axes() -> None:
    made = frontier_views(read_tuning(example_tuning()), 0)
    assert len(made) == 2 * len(GAPS)
    for validation, test in zip(made[::2], made[1::2], strict=True):
        assert (validation.split, test.split) == ("validation", "test")
        assert validation.gap == test.gap
        ticks = [
            [(text.text, text.get("x"), text.get("y")) for text in ET.fromstring(view.chart)
             .iter("text") if text.get("class", "").startswith("tick")]
            for view in (validation, test)
        ]  # fmt: skip
        assert ticks[0] == ticks[1]


def test_every_point_and_the_unmitigated_model_have_a_mark() -> None:
    run = read_tuning(example_tuning())
    marks = spots(first_view(run, active=7))
    assert set(marks) == {None, *(str(index) for index in range(60))}
    assert "unmitigated" in marks[None]
    assert [name for name, kind in marks.items() if "active" in kind.split()] == ["7"]
    frontier = set(run.frontier(run.gaps[0]))
    paler = {int(name) for name, kind in marks.items() if name and "off" in kind.split()}
    assert paler == set(range(60)) - frontier


def test_the_bounds_are_drawn_and_named() -> None:
    asked = ("equalized_odds<=0.05", "accuracy>=0.83", "worst_group_accuracy>=0.8")
    view = first_view(read_tuning(example_tuning(constraints=asked)))
    names = [text.text for text in view.iter("text") if text.get("class") == "name"]
    assert names[:2] == ["asked: ≤ 0.05", "asked: ≥ 0.83"]
    assert sorted(names[2:]) == ["chosen", "unmitigated"]


def test_names_that_would_meet_go_to_different_sides() -> None:
    metrics = example_tuning(points=1)
    metrics["points"][0]["validation"] = metrics["unmitigated"]["validation"]
    view = first_view(read_tuning(metrics))
    names = {text.text: text.get("dy") for text in view.iter("text")}
    assert names["chosen"] != names["unmitigated"]


def test_values_that_are_missing_are_not_drawn() -> None:
    metrics = example_tuning(points=3)
    del metrics["points"][1]["validation"]["accuracy"]
    assert set(spots(first_view(read_tuning(metrics)))) == {None, "0", "2"}


def test_recipes_keep_their_marks_whatever_the_order_of_the_points() -> None:
    metrics = example_tuning()
    one = {entry.label: entry.series for entry in legend(read_tuning(metrics))}
    metrics["points"].reverse()
    assert {entry.label: entry.series for entry in legend(read_tuning(metrics))} == one
    assert len(set(one.values())) == 3


def test_the_description_gives_the_chosen_point() -> None:
    metrics = example_tuning()
    values = metrics["points"][metrics["chosen"]]["validation"]
    accuracy = f"{values['accuracy']['value']:.3f}"
    gap = f"{values['equalized_odds_difference_worst_case']['value']:.3f}"
    description = first_view(read_tuning(metrics)).findtext("desc") or ""
    assert f"Chosen: accuracy {accuracy}, gap {gap}" in description
