from __future__ import annotations

import re

from tests.report.example import example_config, example_metrics
from tests.report.markup import Page

from fairfactor.report import render_report
from fairfactor.report.curves import training_curves
from fairfactor.report.read import read_run


def test_a_picture_for_each_trained_method_with_lines_for_each_seed() -> None:
    metrics = example_metrics(seeds=3)
    found = training_curves(read_run(metrics))
    trained = [method for method in metrics["methods"] if method["tuning"]]
    assert [curve.label for curve in found] == [method["label"] for method in trained]
    for curve, method in zip(found, trained, strict=True):
        paths = re.findall(r'd="([^"]*)" class="curve', curve.chart)
        assert [path.count("M") for path in paths] == [3, 3]
        assert all(path.count("L") == 3 * 8 for path in paths)
        assert curve.chart.count("<use") == 3
        kept = [seed["validation_losses"][seed["epoch"]] for seed in method["tuning"]]
        assert f"{sum(kept) / 3:.3f} on average" in curve.kept


def test_all_pictures_share_their_axes() -> None:
    found = training_curves(read_run(example_metrics()))
    ticks = [re.findall(r"<text[^>]*>([^<]*)</text>", curve.chart) for curve in found]
    assert all(own == ticks[0] for own in ticks)


def test_runs_of_older_versions_have_no_curves() -> None:
    metrics = example_metrics()
    for method in metrics["methods"]:
        for seed in method["tuning"]:
            del seed["training_losses"], seed["validation_losses"]
    assert training_curves(read_run(metrics)) == ()
    page = Page(render_report(metrics, example_config()))
    assert {"href": "#training"} not in page.all("a")


def test_losses_that_are_not_known_are_not_drawn() -> None:
    metrics = example_metrics(seeds=1)
    for method in metrics["methods"]:
        for seed in method["tuning"]:
            seed |= {"validation_losses": [None], "epoch": 40}
    (*_, last) = training_curves(read_run(metrics))
    assert last.kept == "no epoch was kept"
    assert last.chart.count('class="curve') == 1
