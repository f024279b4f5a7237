from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.mitigation.example_points import at_most, counts, point

from fairfactor.fairness import METRICS, ConfusionCounts
from fairfactor.intervals import resample
from fairfactor.mitigation.constraint import Constraint
from fairfactor.mitigation.counted_points import CountedPoints

POINTS = [point(0.8, 0.02, train_gap=0.05), point(0.75, 0.1)]


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("bound", [0.0, 0.03, 0.2])
def test_the_expected_miss_is_that_of_a_loop_over_samples(bound: float, pooled: bool) -> None:
    counted = CountedPoints(POINTS)
    constraints = [*at_most(bound), Constraint("accuracy", 0.78)]
    for index, one in enumerate(POINTS):
        cells = one.validation.cells + (one.train.cells if pooled else 0)
        drawn = resample(ConfusionCounts(cells, one.validation.group_names), 400)
        gaps, accuracies = (
            METRICS[name](drawn) for name in ("demographic_parity_difference", "accuracy")
        )
        misses = [
            max(float(gap) - bound, 0) + max(0.78 - float(accuracy), 0)
            for gap, accuracy in zip(gaps, accuracies, strict=True)
        ]
        found = counted.expected_miss(index, constraints, pooled=pooled)
        assert found == pytest.approx(sum(misses) / len(misses), abs=1e-12)


def test_more_confidence_needs_more_of_a_margin() -> None:
    counted = CountedPoints(POINTS)
    sure = [counted.is_sure(0, at_most(0.024), level) for level in (0.5, 0.7, 0.99)]
    assert sure == [True, True, False]


def test_luck_is_not_sure() -> None:
    """With 2,000 rows a group equal rates differ by 2 points or more in a tenth of samples."""
    lucky = replace(point(0.85, 0.0), validation=counts(0.85, 0.0, rows=2000))
    counted = CountedPoints([lucky])
    assert [counted.is_sure(0, at_most(bound), 0.9) for bound in (0.015, 0.03)] == [False, True]


def test_a_bound_on_no_gap_can_always_be_decided() -> None:
    assert CountedPoints(POINTS).is_sure(0, [Constraint("accuracy", 0.78)], 0.9)


@pytest.mark.parametrize(("trained", "known"), [(0.81, False), (0.83, True)])
def test_training_rows_are_known_by_heart_if_accuracy_there_is_higher(
    trained: float, known: bool
) -> None:
    better, worse = (
        replace(one, train=counts(trained, 0.0)) for one in (point(0.8, 0.02), point(0.7, 0.02))
    )
    assert CountedPoints([worse, better]).knows_training_rows == known
    np.testing.assert_array_equal(
        CountedPoints([better]).pooled.cells[0], better.train.cells + better.validation.cells
    )
