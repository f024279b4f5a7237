import numpy as np
import torch
from tests.mitigation.small_problem import small_problem

from fairfactor.mitigation import tune
from fairfactor.mitigation.point_store import load_points, save_points
from fairfactor.mitigation.recipes import CONSTANT


def test_points_come_back_with_their_models_bit_for_bit(tmp_path) -> None:
    problem = small_problem()
    recipes = ("late-features", "gap-penalty")
    kept = {}

    def remember(name, compute):
        kept[name] = compute()
        folder = tmp_path / name
        folder.mkdir()
        save_points(kept[name], folder)
        return load_points(folder, problem.backbone)

    *found, constant = tune(problem, recipes=recipes, remember=remember).frontier.points
    points = [point for own in kept.values() for point in own if not point.is_constant]
    assert list(kept) == list(recipes)
    assert constant.recipe == CONSTANT
    assert len(points) == len(found)
    for point, other in zip(points[::7], found[::7], strict=True):
        for part in ("train", "validation"):
            np.testing.assert_array_equal(getattr(point, part).cells, getattr(other, part).cells)
        assert point.setting == other.setting
        assert point.recipe == other.recipe
        assert point.trained_parameters == other.trained_parameters
        inputs = problem.validation.inputs
        with torch.no_grad():
            assert torch.equal(point.decide(inputs), other.decide(inputs))
