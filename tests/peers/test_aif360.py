import logging

import numpy as np
import pytest
import torch
from tests.peers.example import biased_problem
from torch.nn import functional

from fairfactor.peers import aif360 as peer
from fairfactor.peers.networks import network_result, train_with_loss

pytest.importorskip("aif360", reason=peer.REWEIGHING.install_command or "")


def test_the_weights_are_those_of_kamiran_and_calders():
    problem = biased_problem(groups=3)
    train = problem.train
    n = len(train.labels)
    weights = torch.zeros(3, 2)
    for s in range(3):
        for c in range(2):
            in_group, of_class = train.groups == s, train.labels == c
            weights[s, c] = in_group.sum() * of_class.sum() / (n * (in_group & of_class).sum())

    def loss(logits, labels, groups):
        losses = functional.cross_entropy(logits, labels, reduction="none")
        return (weights[groups, labels] * losses).mean()

    expected = network_result(problem, train_with_loss(problem, loss))
    assert np.array_equal(peer.fit_reweighing(problem, {}).test, expected.test)


def test_the_import_leaves_logging_as_it_was(caplog):
    disabled = logging.root.manager.disable
    with peer._without_announcements():
        logging.warning("%s is unavailable", "something")
    assert logging.root.manager.disable == disabled
    assert not caplog.records
