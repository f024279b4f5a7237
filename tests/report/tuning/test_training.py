from typing import Any

from tests.report.example_tuning import example_tuning, example_tuning_config
from tests.report.markup import Page

from fairfactor.report import render_report
from fairfactor.report.tuning.read import read_tuning
from fairfactor.report.tuning.training import pretraining_curve

LOSSES = [
    {"step": 15, "training": 0.69, "validation": 0.6},
    {"step": 30, "training": 0.5, "validation": 0.55},
]


def example(losses: Any) -> dict[str, Any]:
    return example_tuning() | {"pretraining": losses}


def test_the_losses_at_the_end_are_said() -> None:
    curve = pretraining_curve(read_tuning(example(LOSSES)))
    assert curve is not None
    assert "after 30 steps the loss is 0.500 on training and 0.550 on validation" in curve.words
    assert curve.words in Page(render_report(example(LOSSES), example_tuning_config())).text


def test_a_network_that_came_trained_has_no_curve() -> None:
    assert pretraining_curve(read_tuning(example([]))) is None
    page = Page(render_report(example([]), example_tuning_config()))
    assert "How pre-training went" not in page.text


def test_older_runs_have_none() -> None:
    metrics = example(LOSSES)
    del metrics["pretraining"]
    assert read_tuning(metrics).pretraining == ()


def test_losses_that_are_not_numbers_leave_a_gap() -> None:
    broken = [{**LOSSES[0], "validation": None}, LOSSES[1]]
    curve = pretraining_curve(read_tuning(example(broken)))
    assert curve is not None
    assert "0.550" in curve.words
