import pytest
import torch
from tests.mitigation.small_problem import small_problem
from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.mitigation.low_rank_cells import FactorNetwork, LowRankCells
from fairfactor.mitigation.thresholds import ThresholdFeatures


@pytest.fixture(scope="module")
def problem():
    return small_problem(n_classes=3, n_groups=2)


def test_starts_as_the_backbone(problem):
    """Zero skip, zero weights of the thresholds: p(y | x) is that of the backbone."""
    inputs = problem.train.inputs
    expand = ThresholdFeatures.fit(inputs, most=4)
    network = FactorNetwork(problem.backbone, len(expand.values), 3, 2)
    network.expand = expand
    cells = network.eval()(inputs).exp()
    expected = problem.backbone(inputs).softmax(dim=1)
    torch.testing.assert_close(cells.sum(dim=2), expected)
    torch.testing.assert_close(LowRankCells(network)(inputs), cells)


def test_backbone_is_copied(problem):
    before = problem.backbone.hidden1.weight.detach().clone()
    network = FactorNetwork(problem.backbone, 0, 3, 2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    torch.testing.assert_close(problem.backbone.hidden1.weight.detach(), before)


def test_drops_only_in_training(problem):
    network = FactorNetwork(problem.backbone, 0, 3, 2, dropout=0.5, input_dropout=0.5)
    inputs = problem.train.inputs[:50]
    network.train()
    assert not torch.equal(network(inputs), network(inputs))
    network.eval()
    assert torch.equal(network(inputs), network(inputs))


def test_layers_to_factorise_are_the_hidden_ones(problem):
    network = FactorNetwork(problem.backbone, 0, 3, 2)
    assert network.factorised_layers == ("hidden1", "hidden2", "hidden3")


@pytest.mark.parametrize(
    "backbone",
    [
        nn.Linear(3, 2),
        nn.Sequential(),
        nn.Sequential(nn.Linear(3, 2)),
        nn.Sequential(nn.ReLU(), nn.Linear(3, 2)),
    ],
)
def test_refuses_other_networks(backbone):
    with pytest.raises(ArgumentError, match="Use the recipes on frozen features"):
        FactorNetwork(backbone, 0, 2, 2)
