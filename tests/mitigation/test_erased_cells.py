import json

import torch
from tests.mitigation.small_problem import small_problem

from fairfactor.features import layer_inputs
from fairfactor.mitigation import RECIPES, tune
from fairfactor.mitigation.cell_head import CellHead
from fairfactor.mitigation.eraser import Eraser, group_directions
from fairfactor.mitigation.fair_model import load_fair_model, save_fair_model
from fairfactor.mitigation.head_cells import HeadCells


def fitted(problem):
    [only] = RECIPES["erased-features"].fit(problem, 0)
    return only


def test_what_was_erased_makes_no_difference_to_the_cells():
    problem = small_problem(n_classes=3)
    model = fitted(problem).model
    rows = problem.train
    features = layer_inputs(problem.backbone, "head", rows.inputs).double()
    kept = rows.groups >= 0
    directions = group_directions(features[kept], rows.groups[kept], rows.labels[kept])
    eraser = Eraser.fit(features[kept], directions)
    erased = eraser(features)
    assert float((erased - features).abs().max()) > 0.1
    with torch.no_grad():
        torch.testing.assert_close(
            model.head(erased.float()), model.head(features.float()), atol=1e-4, rtol=1e-4
        )


def test_the_cells_are_those_of_a_head_on_erased_features():
    problem = small_problem()
    one, rows = fitted(problem), problem.train
    features = layer_inputs(problem.backbone, "head", rows.inputs).double()
    kept = rows.groups >= 0
    directions = group_directions(features[kept], rows.groups[kept], rows.labels[kept])
    erased = Eraser.fit(features[kept], directions)(features).float()
    head = CellHead.fit(
        erased,
        rows.labels,
        rows.groups,
        n_classes=2,
        n_groups=2,
        penalty=one.setting["weight_penalty"],
    )
    with torch.no_grad():
        torch.testing.assert_close(one.model(rows.inputs), head(erased).exp(), atol=1e-5, rtol=1e-4)


def test_it_is_saved_and_loaded(tmp_path):
    problem = small_problem(n_classes=3)
    tuned = tune(problem, constraints=["rms_true_positive_rate<=0.1"], recipes=["erased-features"])
    assert tuned.chosen.recipe == "erased-features"
    save_fair_model(tuned.chosen.decide, tmp_path / "saved")
    loaded = load_fair_model(tmp_path / "saved", lambda: small_problem(n_classes=3).backbone)
    inputs = problem.validation.inputs
    assert torch.equal(loaded(inputs), tuned.chosen.decide(inputs))


def test_its_description_is_json():
    model = fitted(small_problem()).model
    again = HeadCells.skeleton(model.network, json.loads(json.dumps(model.description())))
    again.load_state_dict(model.state_dict())
    inputs = torch.randn(5, 6)
    assert torch.equal(again(inputs), model(inputs))
