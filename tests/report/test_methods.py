from __future__ import annotations

from tests.report.example import example_config, example_metrics

from fairfactor.report.methods import methods_contents


def test_the_summary_tells_what_was_run() -> None:
    contents = methods_contents(example_metrics(), example_config())
    assert contents.summary == (
        "This run fine-tunes 8 variants of a pre-trained network with hidden layers of 20 and 20 "
        "units on 8,052 rows of Adult to predict income (positive class >50K), and compares them "
        "by sex (Female and Male) on 6,760 test rows, with 10 seeds each."
    )
    assert contents.command == "run"


def test_group_fisher_is_announced_only_where_it_is() -> None:
    anchors = [anchor for anchor, _ in methods_contents(example_metrics(), {}).sections]
    assert anchors == [
        "comparison", "numbers", "importance", "rates", "calibration", "training",
    ]  # fmt: skip
    without = methods_contents(example_metrics() | {"importance": None}, {})
    assert "importance" not in [anchor for anchor, _ in without.sections]
