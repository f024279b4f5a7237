import json

import numpy as np
import pytest

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.fairness import ConfusionCounts
from fairfactor.studies.gate import check_constraints, describe_kept, worst_outcome


def kept(scale: int, gap: float, **more) -> dict:
    """Two groups of 100 · scale rows of each class, true positive rates that differ by gap."""
    cells = [
        [[90, 10], [50 - 50 * gap, 50 + 50 * gap]],
        [[90, 10], [50 + 50 * gap, 50 - 50 * gap]],
    ]
    counts = ConfusionCounts((scale * np.array(cells)).astype(int), ("a", "b"))
    return json.loads(json.dumps({"kept": describe_kept(counts), **more}))


@pytest.mark.parametrize(
    ("scale", "gap", "outcome"),
    [(1000, 0.02, "kept"), (1000, 0.2, "violated"), (1, 0.02, "undecided"), (1, 0.2, "undecided")],
)
def test_a_bound_is_decided_only_if_the_interval_is_on_one_side(scale, gap, outcome):
    [found] = check_constraints(kept(scale, gap), ["equal_opportunity<=0.1"])
    assert found.outcome == outcome
    assert found.estimate.value == pytest.approx(gap)
    for number in (found.estimate.value, found.estimate.low, found.estimate.high):
        assert f"{number:.4f}" in found.reason


def test_an_accuracy_is_a_lower_bound():
    metrics = kept(100, 0.0)
    outcomes = [
        check_constraints(metrics, [f"{name}>={bound}"])[0].outcome
        for name in ("accuracy", "worst_group_accuracy")
        for bound in (0.6, 0.7, 0.8)
    ]
    assert outcomes == ["kept", "undecided", "violated"] * 2


def test_a_lower_confidence_decides_more():
    metrics = kept(10, 0.08)
    outcomes = [
        check_constraints(metrics, ["equal_opportunity<=0.1"], confidence=confidence)[0].outcome
        for confidence in (0.1, 0.99)
    ]
    assert outcomes == ["kept", "undecided"]


def test_the_worst_outcome_counts_and_the_tunings_bounds_are_the_default():
    metrics = kept(1000, 0.2, constraints=[{"text": "accuracy>=0.1"}])
    assert worst_outcome(check_constraints(metrics)) == "kept"
    texts = ["accuracy>=0.1", "equal_opportunity<=0.2", "equal_opportunity<=0.1"]
    checked = check_constraints(metrics, texts)
    assert [one.outcome for one in checked] == ["kept", "undecided", "violated"]
    assert worst_outcome(checked) == "violated"
    assert worst_outcome(checked[:2]) == "undecided"


def test_an_undefined_gap_cannot_be_decided():
    cells = np.zeros((2, 2, 2), dtype=int)
    cells[0] = 10
    metrics = {"kept": describe_kept(ConfusionCounts(cells, ("a", "b")))}
    [found] = check_constraints(metrics, ["equalized_odds<=0.1"])
    assert found.outcome == "undecided"
    assert "fewer than two groups" in found.reason


def test_without_a_bound_or_a_model_there_is_nothing_to_check():
    with pytest.raises(ArgumentError, match="--constraint"):
        check_constraints(kept(1, 0.1))
    with pytest.raises(SavedModelError, match="keeps no model"):
        check_constraints({}, ["accuracy>=0.5"])
