"""Reweighing (Kamiran and Calders 2012): weights n_s n_c / (n · n_sc) that part group from label.

The weights are computed by AIF360 and multiply the cross-entropy of the rows of the network.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from fairfactor.peers.networks import network_result, train_with_loss
from fairfactor.peers.peer import Peer, PeerResult, Setting
from fairfactor.problem import Problem


def fit_reweighing(problem: Problem, _setting: Setting) -> PeerResult:
    """Train a network on re-weighted rows.

    Args:
        problem: The problem.

    Returns:
        Its predictions.
    """
    with _without_announcements():
        from aif360.sklearn.preprocessing import Reweighing

    train = problem.train.grouped
    labels, groups = train.labels.numpy(), train.groups.numpy()
    reweighing = Reweighing("group")
    index = pd.Index(groups, name="group")
    reweighing.fit(pd.DataFrame(index=index), pd.Series(labels, index=index))
    factors = torch.zeros(len(problem.group_names), len(problem.class_names))
    cells = np.ix_(reweighing.groups_, reweighing.classes_)
    factors[cells] = torch.from_numpy(reweighing.reweigh_factors_).float()

    def loss(logits: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        losses = functional.cross_entropy(logits, labels, reduction="none")
        return (factors[groups, labels] * losses).mean()

    return network_result(problem, train_with_loss(problem, loss))


@contextmanager
def _without_announcements() -> Iterator[None]:
    """Keep AIF360 from logging, on import, each optional part that is not installed."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(previous)


REWEIGHING = Peer(
    "reweighing",
    "AIF360 reweighing",
    "demographic_parity",
    fit_reweighing,
    package="aif360",
)
