from __future__ import annotations

from itertools import pairwise

import pytest
from tests.report.example_tuning import GAPS, example_tuning

from fairfactor.report.tuning.read import read_tuning
from fairfactor.report.tuning.run import Constraint


@pytest.mark.parametrize(
    ("sign", "value", "expected"),
    [("<=", 0.05, True), ("<=", 0.06, False), (">=", 0.06, True), (">=", 0.04, False)],
)
def test_a_bound_is_kept_on_its_side(sign: str, value: float, expected: bool) -> None:
    constraint = Constraint("text", "accuracy", sign, 0.05)
    assert constraint.keeps(value) is expected
    assert constraint.keeps(None) is None
    assert Constraint("text", "accuracy", sign, None).keeps(value) is None


def test_the_gap_that_was_asked_for_comes_first() -> None:
    run = read_tuning(example_tuning())
    assert {gap.key for gap in run.gaps} == set(GAPS)
    assert run.gaps[0].key == "equalized_odds_difference_worst_case"
    assert [metric.key for metric in run.ordered_metrics[:2]] == ["accuracy", run.gaps[0].key]
    assert set(run.ordered_metrics) == set(run.metrics)


def test_along_the_frontier_gap_and_accuracy_grow() -> None:
    run = read_tuning(example_tuning())
    for gap in run.gaps:
        points = [run.points[index] for index in run.frontier(gap)]
        for one, two in pairwise(points):
            for key in (gap.key, "accuracy"):
                smaller, larger = (p.estimate("validation", key).mean for p in (one, two))
                assert smaller is not None
                assert larger is not None
                assert smaller <= larger
