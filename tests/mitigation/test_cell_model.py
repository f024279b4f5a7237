import pytest
import torch
from tests.mitigation.small_problem import small_problem

from fairfactor.features import layer_inputs
from fairfactor.mitigation.cell_head import CellHead
from fairfactor.mitigation.cell_model import (
    ClassNetwork,
    ComposedCells,
    FrozenCells,
    cell_probabilities,
    features_and_logits,
)


@pytest.fixture(scope="module")
def problem():
    return small_problem(n_classes=3, n_groups=2)


def frozen(problem, layers=("hidden3", "head")):
    features, _ = features_and_logits(problem.backbone, layers, problem.train.inputs)
    rows = problem.train
    head = CellHead.fit(features.detach(), rows.labels, rows.groups, n_classes=3, n_groups=2)
    return FrozenCells(problem.backbone, layers, head)


def test_features_are_the_inputs_of_the_layers(problem):
    inputs = problem.validation.inputs
    features, logits = features_and_logits(problem.backbone, ["hidden3", "head"], inputs)
    expected = [layer_inputs(problem.backbone, name, inputs) for name in ("hidden3", "head")]
    torch.testing.assert_close(features, torch.cat(expected, dim=1))
    torch.testing.assert_close(logits, problem.backbone(inputs))
    assert not any(m._forward_pre_hooks for m in problem.backbone.modules())


def test_class_network_keeps_the_classes(problem):
    cells = cell_probabilities(ClassNetwork(problem.backbone, 3), problem.train.inputs)
    torch.testing.assert_close(cells[:, :, 0], problem.backbone(problem.train.inputs).softmax(1))


def test_frozen_cells_take_classes_from_the_network_and_groups_from_the_head(problem):
    model, inputs = frozen(problem), problem.validation.inputs
    cells = cell_probabilities(model, inputs)
    torch.testing.assert_close(cells.sum(dim=2), problem.backbone(inputs).softmax(1).detach())
    features, _ = features_and_logits(problem.backbone, model.layers, inputs)
    own = model.head(features).exp()
    expected = own / own.sum(dim=2, keepdim=True)
    torch.testing.assert_close(cells / cells.sum(dim=2, keepdim=True), expected.detach())


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_composed_cells_blend_the_views_on_groups(problem, share):
    first, second = frozen(problem, ("hidden1",)), frozen(problem)
    inputs = problem.validation.inputs
    cells = cell_probabilities(ComposedCells(first, second, share), inputs)
    views = [cell_probabilities(model, inputs) for model in (first, second)]
    torch.testing.assert_close(cells.sum(dim=2), views[0].sum(dim=2))
    within = [view / view.sum(dim=2, keepdim=True) for view in views]
    expected = share * within[0] + (1 - share) * within[1]
    torch.testing.assert_close(cells / cells.sum(dim=2, keepdim=True), expected)
