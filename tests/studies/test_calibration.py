from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import binom
from sklearn.calibration import calibration_curve

from fairfactor.groups import Groups
from fairfactor.intervals import wilson_interval
from fairfactor.mitigation.decisions import known_group
from fairfactor.studies.calibration import (
    BINS,
    FEWEST_ROWS,
    calibrate_groups,
    describe_calibration,
    point_probabilities,
)
from fairfactor.studies.tuning import Tuning


def made_up(
    rows: int = 3000, classes: int = 2, groups: int = 3
) -> tuple[np.ndarray, np.ndarray, Groups]:
    source = np.random.default_rng(5)
    probabilities = source.dirichlet(np.ones(classes), rows)
    labels = np.array([source.choice(classes, p=row) for row in probabilities])
    codes = source.integers(-1, groups, rows)
    return probabilities, labels, Groups(codes, tuple("abcdef"[:groups]))


def one_group(rows: int, *names: str) -> Groups:
    return Groups(np.zeros(rows, int), names or ("a",))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_bins_are_those_of_scikit_learn(classes: int) -> None:
    probabilities, labels, groups = made_up(classes=classes)
    found = calibrate_groups(probabilities, labels, groups)
    assert [group.name for group in found] == list(groups.names)
    for code, group in enumerate(found):
        own = groups.codes == code
        said = probabilities[own, 1] if classes == 2 else probabilities[own].max(axis=1)
        right = labels[own] == (1 if classes == 2 else probabilities[own].argmax(axis=1))
        rates, means = calibration_curve(right, said, n_bins=BINS)
        counts = np.histogram(said, bins=np.linspace(0, 1, BINS + 1))[0]
        enough = counts[counts > 0] >= FEWEST_ROWS
        assert [one.probability for one in group.bins] == pytest.approx(means[enough])
        assert [one.rate.value for one in group.bins] == pytest.approx(rates[enough])
        assert [one.count for one in group.bins] == counts[counts >= FEWEST_ROWS].tolist()
        assert group.count == own.sum()
        assert group.suppressed == counts[counts < FEWEST_ROWS].sum()
        shown = counts[counts >= FEWEST_ROWS]
        expected = np.average(np.abs(rates - means)[enough], weights=shown)
        assert group.error == pytest.approx(expected)
        chance = [
            np.abs(np.arange(n + 1) - n * p) @ binom.pmf(np.arange(n + 1), n, p)
            for n, p in zip(shown, means[enough], strict=True)
        ]
        assert group.error_by_chance == pytest.approx(sum(chance) / sum(shown))
        first = group.bins[0]
        hits = round(first.rate.value * first.count)
        assert first.rate == wilson_interval(hits, first.count)


@pytest.mark.parametrize(("rows", "bins"), [(FEWEST_ROWS - 1, 0), (FEWEST_ROWS, 1)])
def test_bins_of_few_rows_are_suppressed(rows: int, bins: int) -> None:
    probabilities = np.tile([0.25, 0.75], (rows, 1))
    (group,) = calibrate_groups(probabilities, np.ones(rows, int), one_group(rows))
    assert len(group.bins) == bins
    assert group.suppressed == (0 if bins else rows)
    assert math.isnan(group.error) == (bins == 0)


def test_a_perfect_and_a_wrong_model() -> None:
    labels = np.repeat([0, 1], 50)
    groups = one_group(100)
    sure = np.eye(2)[labels]
    right = calibrate_groups(sure, labels, groups)[0]
    assert right.error == right.error_by_chance == 0
    wrong = calibrate_groups(sure[:, ::-1], labels, groups)[0]
    assert wrong.error == 1
    assert [one.place for one in wrong.bins] == [0, BINS - 1]


def test_a_group_without_rows() -> None:
    probabilities = np.tile([0.5, 0.5], (20, 1))
    empty = calibrate_groups(probabilities, np.zeros(20, int), one_group(20, "a", "b"))[1]
    assert (empty.count, empty.suppressed, empty.bins) == (0, 0, ())


def test_probabilities_of_a_point_come_before_its_rule(tuning: Tuning) -> None:
    point, test = tuning.tuned.chosen, tuning.problem.test
    with torch.no_grad():
        cells = point.cell_model(test.inputs)
    found = point_probabilities(point, test)
    assert found == pytest.approx(cells.sum(dim=2).numpy(), abs=1e-6)
    asking = replace(point, groups_at_prediction=True)
    known = known_group(cells, test.groups).sum(dim=2)
    assert point_probabilities(asking, test) == pytest.approx(known.numpy(), abs=1e-6)
    assert np.abs(found - point_probabilities(asking, test)).max() > 1e-3


@pytest.mark.parametrize("classes", [2, 3])
def test_it_says_what_was_compared(classes: int) -> None:
    groups = calibrate_groups(*made_up(classes=classes))
    written = describe_calibration({"before": groups, "after": groups}, classes)
    assert written["of_positive_class"] == (classes == 2)
    assert written["before"][0]["bins"][0]["rate"]["low"] >= 0
