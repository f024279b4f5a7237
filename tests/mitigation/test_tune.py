import dataclasses

import numpy as np
import pytest
import torch
from tests.mitigation.small_problem import small_problem

from fairfactor.errors import ArgumentError
from fairfactor.fairness import confusion_counts
from fairfactor.mitigation.constraint import Constraint
from fairfactor.mitigation.tune import cell_prior, tune

FAST = ("late-features", "input-features")


@pytest.fixture(scope="module")
def problem():
    return small_problem()


def decided_counts(model, rows, n_classes, group_names, *groups):
    predicted = model(rows.inputs, *groups).argmax(dim=1).numpy()
    included = rows.groups >= 0
    return confusion_counts(
        rows.labels[included].numpy(),
        predicted[included.numpy()],
        rows.groups[included].numpy(),
        n_classes=n_classes,
    ).cells


@pytest.mark.parametrize("metric", ["equalized_odds", "demographic_parity", "equal_opportunity"])
def test_finds_a_network_that_meets_the_constraint(problem, metric):
    tuned = tune(problem, constraints=[f"{metric}<=8%"], recipes=FAST)
    free = tune(problem, recipes=FAST)
    assert tuned.met
    for part in ("train", "validation"):
        assert tuned.chosen.metric(metric, part) <= 0.08
    assert tuned.chosen.metric("accuracy") <= free.chosen.metric("accuracy")
    assert tuned.chosen.metric("accuracy") > free.chosen.metric("accuracy") - 0.15


@pytest.mark.parametrize("knows_groups", [False, True])
def test_the_network_decides_as_it_was_counted(problem, knows_groups):
    tuned = tune(
        problem,
        constraints=["demographic_parity<=5%"],
        recipes=FAST,
        groups_at_prediction=knows_groups,
    )
    point = tuned.chosen
    assert not any(parameter.requires_grad for parameter in point.decide.parameters())
    assert all(parameter.requires_grad for parameter in problem.backbone.parameters())
    assert point.groups_at_prediction == knows_groups
    for rows, counts in ((problem.train, point.train), (problem.validation, point.validation)):
        groups = (rows.groups,) if knows_groups else ()
        found = decided_counts(point.decide, rows, 2, problem.group_names, *groups)
        assert np.abs(found - counts.cells).sum() <= 2  # rounding may move a row on the edge


def test_the_frontier_has_many_points_that_none_beats(problem):
    tuned = tune(problem, constraints=["demographic_parity<=0.1"], recipes=FAST)
    assert len(tuned.frontier.pareto("demographic_parity")) >= 15


def test_what_cannot_be_had_is_said(problem):
    tuned = tune(problem, constraints=["accuracy>=0.999"], recipes=["late-features"])
    assert not tuned.met
    assert "No operating point meets accuracy>=0.999" in tuned.message


def test_notions_can_be_combined(problem):
    constraints = ["demographic_parity<=0.2", "equal_opportunity<=0.2"]
    tuned = tune(problem, constraints=constraints, recipes=["late-features"])
    assert tuned.met
    assert all(Constraint.parse(c).is_met(tuned.chosen.validation) for c in constraints)


@pytest.mark.parametrize(("n_classes", "n_groups"), [(3, 2), (2, 4), (3, 3)])
def test_any_number_of_classes_and_groups(n_classes, n_groups):
    problem = small_problem(n_classes, n_groups)
    tuned = tune(problem, constraints=["demographic_parity<=0.15"], recipes=["input-features"])
    first = tuned.frontier.points[0]
    assert tuned.chosen.metric("demographic_parity") < first.metric("demographic_parity")


def test_worst_group(problem):
    tuned = tune(problem, constraints=["accuracy>=0.5"], minimize="worst_group_error", recipes=FAST)
    first = tuned.frontier.points[0]
    assert tuned.chosen.metric("worst_group_error") <= first.metric("worst_group_error")


def test_a_group_without_rows(problem):
    names = (*problem.group_names, "nobody")
    tuned = tune(
        dataclasses.replace(problem, group_names=names),
        constraints=["equalized_odds<=0.1"],
        recipes=FAST,
    )
    assert tuned.met


def test_same_seed_same_result_and_progress(problem):
    seen = []
    results = [
        tune(problem, recipes=FAST, on_progress=lambda *step: seen.append(step)) for _ in range(2)
    ]
    for first, second in zip(*(r.frontier.points for r in results), strict=True):
        np.testing.assert_array_equal(first.weights, second.weights)
        np.testing.assert_array_equal(first.validation.cells, second.validation.cells)
    assert [share for _, share in seen[:3]] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recipes": ["late"]}, "recipes='late'"),
        ({"recipes": []}, "recipes="),
        ({"constraints": ["odds<=1"]}, "metric='odds'"),
    ],
)
def test_refuses(problem, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        tune(problem, **arguments)


def test_prior_leaves_excluded_rows_out(problem):
    prior = cell_prior(problem.train, 2, 2)
    included = problem.train.groups >= 0
    assert prior.sum() == pytest.approx(1)
    share = (problem.train.labels[included] == 1).double().mean()
    assert prior[1].sum() == pytest.approx(float(share))
    assert torch.is_tensor(share)


def test_the_same_decision_for_everyone_is_a_point_under_its_own_name(problem):
    frontier = tune(problem, recipes=FAST).frontier
    [constant] = [point for point in frontier.points if point.is_constant]
    assert constant.recipe == "constant"
    assert constant.trained_parameters == 0
    share = (problem.validation.labels == problem.train.labels.mode().values).double()
    included = problem.validation.groups >= 0
    assert constant.metric("accuracy") == pytest.approx(float(share[included].mean()))
    assert constant.metric("equalized_odds") == 0


def test_what_only_the_same_decision_for_everyone_keeps_is_not_met(problem):
    tuned = tune(problem, constraints=["equalized_odds<=0"], recipes=FAST, confidence=0.9)
    assert not tuned.met
    assert not tuned.chosen.is_constant
    assert "The same decision for everyone would" in tuned.message
