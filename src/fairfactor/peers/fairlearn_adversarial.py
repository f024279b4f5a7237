"""Adversarial training (Zhang, Lemoine and Mitchell 2018, arXiv:1801.07593).

An adversary guesses the group from the score, for equalised odds also from the label; the network
is trained against it. The weight α of the adversary's gradient is the method's one strength.

The network has one hidden layer of 64 units. Fairlearn 0.15 projects gradients with
``torch.inner``, which for matrices is not their inner product but grows with their size: on the
protocol's network the loss becomes NaN, or the accuracy falls below that of a constant.
"""

from __future__ import annotations

from functools import partial
from math import ceil

import numpy as np
import torch
from torch import nn

from fairfactor.models.mlp import build_mlp
from fairfactor.peers.peer import Peer, PeerResult, Setting, Target, strengths, two_classes
from fairfactor.problem import Problem
from fairfactor.training import BATCH_SIZE, LEARNING_RATE, STEPS

PREDICTOR_WIDTH = 64
ADVERSARY_WIDTH = 32


def fit_adversarial(problem: Problem, setting: Setting, *, target: Target) -> PeerResult:
    """Train the network and its adversary with Fairlearn, for the protocol's number of steps.

    Args:
        problem: The problem.
        setting: ``alpha``, the weight of the adversary.
        target: Which gap the adversary measures.

    Returns:
        Its predictions.
    """
    from fairlearn.adversarial import AdversarialFairnessClassifier

    seen = 1 if target == "demographic_parity" else 2
    predictor = _probability_network((problem.widths[0], PREDICTOR_WIDTH), 1, problem.seed)
    guesses = 1 if len(problem.group_names) == 2 else len(problem.group_names)
    adversary = _probability_network((seen, ADVERSARY_WIDTH), guesses, problem.seed)
    train = problem.train.grouped
    mitigator = AdversarialFairnessClassifier(
        backend="torch",
        predictor_model=predictor,
        adversary_model=adversary,
        constraints=target,
        alpha=setting["alpha"],
        learning_rate=LEARNING_RATE,
        epochs=max(1, round(STEPS / ceil(len(train.labels) / BATCH_SIZE))),
        batch_size=BATCH_SIZE,
        shuffle=True,
        random_state=problem.seed,
    )
    with torch.random.fork_rng(devices=[]):  # Fairlearn seeds and uses the global generator
        mitigator.fit(
            train.inputs.numpy(), train.labels.numpy(), sensitive_features=train.groups.numpy()
        )
    validation, test = (
        mitigator.predict(part.inputs.numpy()).astype(np.int64)
        for part in (problem.validation, problem.test)
    )
    trained = sum(parameter.numel() for parameter in predictor.parameters())
    return PeerResult(validation, test, trained_parameters=trained)


def _probability_network(widths: tuple[int, ...], outputs: int, seed: int) -> nn.Module:
    """Build what Fairlearn expects: one probability, or a logit for each of several groups."""
    network = build_mlp((*widths, outputs), seed=seed)
    return nn.Sequential(network, nn.Sigmoid()) if outputs == 1 else network


ADVERSARIAL_DP = Peer(
    "adversarial-dp",
    "Fairlearn adversarial (one hidden layer), demographic parity",
    "demographic_parity",
    partial(fit_adversarial, target="demographic_parity"),
    package="fairlearn",
    settings=strengths("alpha", 0.03, 0.1, 0.2, 0.3, 0.5),
    same_backbone=False,
    supports=two_classes,
)
ADVERSARIAL_EO = Peer(
    "adversarial-eo",
    "Fairlearn adversarial (one hidden layer), equalised odds",
    "equalized_odds",
    partial(fit_adversarial, target="equalized_odds"),
    package="fairlearn",
    settings=strengths("alpha", 0.03, 0.1, 0.2, 0.3, 0.5),
    same_backbone=False,
    supports=two_classes,
)
