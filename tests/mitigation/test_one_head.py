import torch
from sklearn.linear_model import LogisticRegression
from tests.mitigation.small_problem import small_problem
from torch import nn

from fairfactor.mitigation import tune
from fairfactor.mitigation.cell_model import cell_probabilities
from fairfactor.mitigation.one_head import fit_one_head
from fairfactor.mitigation.recipes import RECIPES, applicable


def linear_problem(**sizes):
    """The features of the small problem's last layer as inputs of that layer alone."""
    import dataclasses

    problem = small_problem(**sizes)
    body, head = problem.backbone[:-1], problem.backbone[-1:]
    with torch.no_grad():
        parts = {
            part: dataclasses.replace(rows, inputs=body(rows.inputs))
            for part in ("train", "validation")
            for rows in [getattr(problem, part)]
        }
    return dataclasses.replace(problem, backbone=nn.Sequential(head[0]), **parts)


def test_each_head_is_the_regularised_logistic_regression_of_the_cells():
    problem = linear_problem()
    rows = problem.train
    kept = rows.groups >= 0
    features = rows.inputs[kept].double()
    varies = features.std(0) > 1e-4 * features.std(0).max()
    scaled = ((features - features.mean(0)) / features.std(0, correction=0))[:, varies]
    cells = rows.labels[kept] * 2 + rows.groups[kept]
    for fitted in fit_one_head(problem, 0):
        penalty = fitted.setting["penalty"]
        oracle = LogisticRegression(C=1 / (penalty * len(cells)), tol=1e-8, max_iter=5000)
        wanted = oracle.fit(scaled.numpy(), cells.numpy()).predict_proba(scaled.numpy())
        found = cell_probabilities(fitted.model, rows.inputs[kept]).flatten(1)
        torch.testing.assert_close(found.double(), torch.from_numpy(wanted), atol=3e-3, rtol=0)


def test_a_larger_penalty_is_less_sure():
    problem = linear_problem()
    sure = [
        float(cell_probabilities(one.model, problem.train.inputs).amax((1, 2)).mean())
        for one in fit_one_head(problem, 0)
    ]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] > sure[-1] + 0.02


def test_it_is_for_networks_without_hidden_layers_alone():
    names = tuple(RECIPES)
    assert "one-head" in applicable(names, linear_problem().backbone)
    assert "one-head" not in applicable(names, small_problem().backbone)


def test_its_rules_keep_a_bound():
    problem = linear_problem()
    tuned = tune(problem, constraints=["equalized_odds<=0.1"], recipes=["one-head"])
    assert tuned.met
    assert tuned.chosen.metric("equalized_odds") <= 0.1
