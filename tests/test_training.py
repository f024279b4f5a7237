import pytest
import torch
from tests.peers.example import biased_problem
from torch import nn

from fairfactor.part import Part
from fairfactor.training import BATCH_SIZE, STEPS, _batches, train_network


@pytest.mark.parametrize("rows", [7, BATCH_SIZE, 2 * BATCH_SIZE + 5])
def test_batches_are_full_and_cover_the_rows_in_turn(rows):
    batches = list(_batches(rows, seed=0))
    size = min(rows, BATCH_SIZE)
    assert len(batches) == STEPS
    assert {len(batch) for batch in batches} == {size}
    in_a_round = torch.cat(batches[: rows // size])
    assert len(in_a_round.unique()) == rows // size * size


def test_training_follows_the_given_loss():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 3, generator=generator)
    part = Part(inputs, torch.zeros(64, dtype=torch.int64), torch.zeros(64, dtype=torch.int64))
    network = nn.Linear(3, 2)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    train_network(network, part, lambda logits, *_: (logits - 0.3).square().mean(), seed=0)
    assert not network.training
    torch.testing.assert_close(network.bias.detach(), torch.full((2,), 0.3), atol=0.02, rtol=0)


def test_watching_changes_nothing():
    problem, networks = biased_problem(), []
    for watched in (None, problem.validation):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
        torch.manual_seed(1)
        points = train_network(network, problem.train, seed=3, watched=watched)
        networks.append(network)
        assert bool(points) is (watched is not None)
    first, second = (network.state_dict() for network in networks)
    assert all(torch.equal(first[name], second[name]) for name in first)
