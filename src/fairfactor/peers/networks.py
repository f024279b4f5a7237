"""The step that most peers share: train a network of the backbone's shape with another loss."""

from __future__ import annotations

from torch import nn

from fairfactor.models.mlp import build_mlp
from fairfactor.peers.peer import PeerResult
from fairfactor.problem import Problem, predict_classes
from fairfactor.training import Loss, train_network


def train_with_loss(problem: Problem, loss: Loss, *, outputs: int | None = None) -> nn.Sequential:
    """Train from the backbone's initial weights, with its batches and steps, on another loss.

    Rows without a group are left out, because the loss of a peer needs it.

    Args:
        problem: The problem.
        loss: Loss of a batch.
        outputs: Number of outputs; by default one for each class.

    Returns:
        The trained network.
    """
    widths = problem.widths if outputs is None else (*problem.widths[:-1], outputs)
    network = build_mlp(widths, seed=problem.seed)
    train_network(network, problem.train.grouped, loss, seed=problem.seed)
    return network


def network_result(problem: Problem, network: nn.Module, trained: int | None = None) -> PeerResult:
    """Predict with a network.

    Args:
        problem: The problem.
        network: From inputs to a logit for each class.
        trained: Number of trained parameters; by default all of the network's.

    Returns:
        Its predictions.
    """
    if trained is None:
        trained = sum(parameter.numel() for parameter in network.parameters())
    return PeerResult(
        validation=predict_classes(network, problem.validation.inputs),
        test=predict_classes(network, problem.test.inputs),
        trained_parameters=trained,
    )
