"""What every peer promises, on a small problem."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.peers.example import biased_problem

from fairfactor.fairness import (
    confusion_counts,
    demographic_parity_difference,
    equalized_odds_difference,
)
from fairfactor.peers import PEERS, Peer
from fairfactor.peers.unmitigated import UNMITIGATED
from fairfactor.problem import Problem

GAPS = {
    "demographic_parity": demographic_parity_difference,
    "equalized_odds": equalized_odds_difference,
}
EVERY_PEER = [pytest.param(peer, id=key) for key, peer in PEERS.items()]
# FairLRF removes entries by a local approximation of the loss, which promises nothing of the gap.
REDUCING = [
    pytest.param(peer, id=key)
    for key, peer in PEERS.items()
    if peer.target != "none" and key != "fairlrf"
]


def require(peer: Peer) -> None:
    if peer.install_command:
        pytest.skip(f"{peer.label} is not installed: {peer.install_command}")


def targeted_gap(peer: Peer, problem: Problem, predicted: np.ndarray) -> float:
    counts = confusion_counts(
        problem.train.labels.numpy(), predicted, problem.train.groups.numpy(), n_classes=2
    )
    return float(GAPS[peer.target](counts))


@pytest.mark.parametrize("peer", EVERY_PEER)
class TestEveryPeer:
    def test_predictions_depend_on_the_problem_alone_and_change_nothing(self, peer: Peer) -> None:
        require(peer)
        problem = biased_problem()
        weights = copy.deepcopy(problem.backbone.state_dict())
        torch.manual_seed(1)
        np.random.seed(1)
        states = torch.random.get_rng_state(), np.random.get_state()[1].copy()
        first = peer.fit(problem, peer.settings[1 % len(peer.settings)])
        assert torch.equal(states[0], torch.random.get_rng_state())
        assert np.array_equal(states[1], np.random.get_state()[1])
        torch.manual_seed(2)
        second = peer.fit(problem, peer.settings[1 % len(peer.settings)])
        for name in ("validation", "test"):
            predicted, part = getattr(first, name), getattr(problem, name)
            assert predicted.dtype == np.int64
            assert predicted.shape == (len(part.labels),)
            assert set(predicted.tolist()) <= {0, 1}
            assert np.array_equal(predicted, getattr(second, name))
        for name, weight in problem.backbone.state_dict().items():
            assert torch.equal(weight, weights[name])

    def test_a_peer_with_a_strength_has_five_settings(self, peer: Peer) -> None:
        assert len(peer.settings) in {1, 5}
        assert len({tuple(setting.items()) for setting in peer.settings}) == len(peer.settings)

    @pytest.mark.parametrize("shape", [{"groups": 3}, {"classes": 3}], ids=str)
    def test_a_larger_problem_is_treated_or_refused(self, peer: Peer, shape: dict) -> None:
        require(peer)
        problem = biased_problem(**shape)
        if reason := peer.gap(problem):
            assert reason.startswith("not supported: two ")
            return
        predicted = peer.fit(problem, peer.settings[0]).test
        assert predicted.shape == (len(problem.test.labels),)
        assert set(predicted.tolist()) <= set(range(len(problem.class_names)))


@pytest.mark.parametrize("peer", REDUCING)
def test_the_strongest_setting_reduces_the_targeted_gap_in_the_training_rows(peer: Peer) -> None:
    require(peer)
    problem = biased_problem()
    problem = replace(problem, validation=problem.train)
    before = targeted_gap(peer, problem, UNMITIGATED.fit(problem, {}).validation)
    after = targeted_gap(peer, problem, peer.fit(problem, peer.settings[-1]).validation)
    assert after < 0.8 * before


def test_keys_and_labels_tell_peers_apart() -> None:
    assert list(PEERS) == [peer.key for peer in PEERS.values()]
    assert len({peer.label for peer in PEERS.values()}) == len(PEERS)
