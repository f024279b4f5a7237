"""The multi-layer perceptron of the paper's Adult experiments."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from fairfactor.errors import ArgumentError

MAXIMUM_WIDTH = 1_000_000


def build_mlp(widths: Sequence[int], *, seed: int | None = None) -> nn.Sequential:
    """Build x → ReLU(W₁x + b₁) → … → W_L h + b_L, the last layer being named ``head``.

    ``(13, 20, 20, 2)`` is the network whose 742 parameters the paper reports for Adult.

    Args:
        widths: Number of inputs, of units of each hidden layer, and of outputs.
        seed: Seed of the initial weights; the global generator is left as it was. ``None`` draws
            from the global generator.

    Returns:
        A sequential module with layers ``hidden1``, ``activation1``, …, ``head``.

    Raises:
        ArgumentError: If there are fewer than two widths or one is not a positive integer.
    """
    if len(widths) < 2 or not all(isinstance(w, int) and 0 < w <= MAXIMUM_WIDTH for w in widths):
        raise ArgumentError(
            "widths",
            tuple(widths),
            f"at least two integers from 1 to {MAXIMUM_WIDTH:,}",
            "Give the number of inputs first and the number of classes last.",
        )
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for index, (wide_in, wide_out) in enumerate(pairwise(widths[:-1]), 1):
            layers[f"hidden{index}"] = nn.Linear(wide_in, wide_out)
            layers[f"activation{index}"] = nn.ReLU()
        layers["head"] = nn.Linear(widths[-2], widths[-1])
    return nn.Sequential(layers)


def is_mlp(model: nn.Module) -> bool:
    """Whether a network is one of `build_mlp`, after surgery or without it.

    Args:
        model: The network.

    Returns:
        Whether its last layer is named ``head`` and all stand in a row.
    """
    return isinstance(model, nn.Sequential) and "head" in dict(model.named_children())


def layer_widths(model: nn.Module, inputs: int, outputs: int) -> tuple[int, ...]:
    """Number of inputs, of units of each hidden layer, and of outputs of a network.

    Args:
        model: The network, before surgery.
        inputs: Number of its inputs.
        outputs: Number of its outputs.

    Returns:
        Without hidden layers for a network that `build_mlp` does not make.
    """
    if not is_mlp(model):
        return inputs, outputs
    layers = [layer for layer in model.children() if isinstance(layer, nn.Linear)]
    return inputs, *(layer.out_features for layer in layers[:-1]), outputs
