import numpy as np
import torch
from tests.peers.example import biased_problem

from fairfactor.peers.networks import network_result, train_with_loss
from fairfactor.training import cross_entropy


def test_with_the_plain_loss_it_is_the_backbone():
    problem = biased_problem()
    network = train_with_loss(problem, cross_entropy)
    for old, new in zip(problem.backbone.parameters(), network.parameters(), strict=True):
        assert torch.equal(old, new)


def test_the_number_of_outputs_can_be_another():
    network = train_with_loss(biased_problem(), lambda out, *_: out.square().mean(), outputs=3)
    assert network(torch.zeros(1, 4)).shape == (1, 3)


def test_a_result_counts_the_parameters_of_the_network():
    problem = biased_problem()
    result = network_result(problem, problem.backbone)
    assert result.trained_parameters == 4 * 16 + 16 + 16 * 8 + 8 + 8 * 2 + 2
    assert np.array_equal(result.test, network_result(problem, problem.backbone, 0).test)
