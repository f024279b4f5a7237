from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.report.example_tuning import example_tuning, example_tuning_config
from tests.report.markup import HOSTILE, Page, with_every_text

from fairfactor.report import render_report
from fairfactor.report.tuning.page import tuning_contents


def render(metrics: dict[str, Any]) -> str:
    return render_report(metrics, example_tuning_config())


def test_numbers_of_all_points_are_on_the_page() -> None:
    metrics = example_tuning()
    text = Page(render(metrics)).text
    for point in metrics["points"]:
        for split in ("validation", "test"):
            for key in point["on_frontier"]:
                assert f"{point[split][key]['value']:.3f}" in text
    for group in metrics["unmitigated"]["groups"]:
        assert f"{group['accuracy']['low']:.3f} to {group['accuracy']['high']:.3f}" in text
    assert metrics["verdict"]["headline"] in text
    assert "is the best of 60 points on the same rows" in text


def test_the_details_survive_hostile_texts() -> None:
    html = render(with_every_text(example_tuning(points=6), HOSTILE))
    (data,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert "<" not in data
    details = json.loads(data)
    assert len(details) == 7
    assert details[0]["texts"]["recipe"] == HOSTILE


def test_the_command_for_a_point_replaces_what_was_asked() -> None:
    command = tuning_contents(example_tuning(), example_tuning_config()).values["tune_again"]
    assert isinstance(command, str)
    assert command.startswith("fairfactor tune \\\n  --data adult")
    assert "--constraint" not in command


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"constraints": ()}, "What came out"),
        ({"met": False}, "Not met: the nearest reachable"),
        ({"met": False}, "The nearest point against what was asked"),
        ({"points": 1}, "Point 1 of 1, the chosen one"),
        ({"points": 0}, "No point has a gap to be compared on."),
        ({"groups": ["Everyone"]}, "With a single group there is no gap to measure."),
    ],
)
def test_runs_of_other_shapes(changes: dict[str, Any], expected: str) -> None:
    assert expected in Page(render(example_tuning(**changes))).text


def test_without_a_choice_the_smallest_gap_is_shown() -> None:
    metrics = example_tuning() | {"chosen": None}
    contents = tuning_contents(metrics, {})
    gap = "equalized_odds_difference_worst_case"
    on_frontier = [p for p in metrics["points"] if p["on_frontier"][gap]]
    smallest = min(on_frontier, key=lambda point: point["validation"][gap]["value"])
    assert contents.values["active"] == metrics["points"].index(smallest)
    text = Page(render(metrics)).text
    assert "No point was chosen" in text
    assert "Back to the chosen point" not in text


def test_more_than_two_classes_have_no_counts_by_class() -> None:
    metrics = example_tuning(points=6)
    for point in (metrics["unmitigated"], *metrics["points"]):
        for group in point["groups"]:
            group["confusion"] = None
    assert "True positives" not in Page(render(metrics)).text


def test_largest_page_stays_under_three_megabytes() -> None:
    names = [f"Group {index} with a name that goes on for a while" for index in range(40)]
    html = render(example_tuning(points=200, groups=names))
    assert len(html.encode()) < 3_000_000
    Page(html)
