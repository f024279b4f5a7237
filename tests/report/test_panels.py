from __future__ import annotations

from tests.report.example import example_metrics

from fairfactor.report.panels import FIGURE_4, line_reference, panels
from fairfactor.report.read import read_run


def test_the_metrics_of_figure_4_are_shown_first() -> None:
    made = panels(read_run(example_metrics()))
    assert tuple(panel.metric.key for panel in made[:3]) == FIGURE_4
    assert [panel.shown for panel in made] == [True] * 3 + [False] * 5


def test_other_metrics_fill_the_places_of_missing_ones() -> None:
    metrics = example_metrics()
    metrics["metrics"] = [m for m in metrics["metrics"] if m["key"] != "paper_error"]
    shown = [panel.metric.key for panel in panels(read_run(metrics)) if panel.shown]
    assert shown == [*FIGURE_4[1:], "accuracy"]


def test_the_description_gives_every_value() -> None:
    metrics = example_metrics()
    panel = panels(read_run(metrics))[0]
    for method in metrics["methods"]:
        summary = method["summary"]["paper_error"]
        wanted = f"{summary['mean']:.2f} %, 95 % interval {summary['low']:.2f} to "
        assert f"{method['label']}: {wanted}" in panel.chart


def test_a_method_keeps_its_mark_at_every_rank_and_in_every_run() -> None:
    metrics = example_metrics(methods=10)
    marks = [1, 1, 2, 2, 2, 1, 1]
    chart = panels(read_run(metrics))[0].chart
    assert [chart.count(f'href="#mark-{series}"') for series in range(7)] == marks
    metrics["methods"] = [m for m in metrics["methods"] if m["method"] == "neutralized"]
    assert panels(read_run(metrics))[0].chart.count('href="#mark-4"') == 2


def test_an_unmeasured_metric_is_said_to_be_so() -> None:
    metrics = example_metrics()
    del metrics["methods"][0]["summary"]["paper_error"]
    assert panels(read_run(metrics))[0].rows[0].detail == "not measured"


def test_the_line_is_the_first_reference_if_it_has_one_rank() -> None:
    metrics = example_metrics()
    found = line_reference(read_run(metrics))
    assert found is not None
    assert found.method == "head-tuning"
    assert line_reference(read_run(metrics | {"reference_methods": ["plain-svd"]})) is None
    assert line_reference(read_run(metrics | {"reference_methods": []})) is None
