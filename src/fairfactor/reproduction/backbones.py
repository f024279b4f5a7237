"""The networks of the studies by name, each with a last linear layer named ``head``."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.errors import ArgumentError
from fairfactor.models.mlp import build_mlp

WIDTH = 20
"""Units of a hidden layer of the multi-layer perceptrons, as in the paper's 742 parameters."""
_CHANNELS = 16
_TOKEN = 16
_HEADS = 2
ARCHITECTURES = {"mlp-2": "MLP", "cnn": "1-D CNN", "transformer": "Transformer"}
"""Names of the architectures that the same table is given to, with their labels."""


def build_backbone(architecture: str, inputs: int, classes: int, *, seed: int) -> nn.Module:
    """Build a network for the rows of a table.

    Args:
        architecture: ``mlp-n`` has n hidden layers of 20 units (the paper's two-layer network is
            ``mlp-2``; what it calls MLP-3 to MLP-5 is read as n hidden layers). ``cnn`` convolves
            over neighbouring inputs. ``transformer`` makes each input a token.
        inputs: Number of inputs.
        classes: Number of classes.
        seed: Seed of the initial weights; the global generator is left as it was.

    Returns:
        A module from inputs (rows × inputs) to logits (rows × classes).

    Raises:
        ArgumentError: If there is no such architecture.
    """
    deep = re.fullmatch(r"mlp-(\d+)", architecture)
    if deep:
        return build_mlp((inputs, *[WIDTH] * int(deep[1]), classes), seed=seed)
    if architecture not in _BUILDERS:
        raise ArgumentError("architecture", architecture, f"mlp-2 or one of {', '.join(_BUILDERS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _BUILDERS[architecture](inputs, classes)


class _Transformer(nn.Module):
    """One token for each input and one that is read out, a block of attention, a linear head."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(0.3 * torch.randn(inputs, _TOKEN))
        self.place = nn.Parameter(0.3 * torch.randn(inputs + 1, _TOKEN))
        self.norm1, self.norm2 = nn.LayerNorm(_TOKEN), nn.LayerNorm(_TOKEN)
        self.query_key_value = nn.Linear(_TOKEN, 3 * _TOKEN)
        self.merge = nn.Linear(_TOKEN, _TOKEN)
        self.widen, self.narrow = nn.Linear(_TOKEN, 2 * _TOKEN), nn.Linear(2 * _TOKEN, _TOKEN)
        self.norm3 = nn.LayerNorm(_TOKEN)
        self.head = nn.Linear(_TOKEN, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """From inputs (rows × inputs) to logits (rows × classes)."""
        values = inputs[:, :, None] * self.scale
        tokens = torch.cat([values.new_zeros(len(inputs), 1, _TOKEN), values], dim=1) + self.place
        split = self.query_key_value(self.norm1(tokens)).unflatten(2, (3, _HEADS, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query[:, :, :1], key, value)
        # Only the first token is read out, so only its query is asked.
        first = tokens[:, 0] + self.merge(seen.transpose(1, 2).flatten(1))
        first = first + self.narrow(functional.gelu(self.widen(self.norm2(first))))
        return cast("Tensor", self.head(self.norm3(first)))


def _cnn(inputs: int, classes: int) -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            channel=nn.Unflatten(1, (1, inputs)),
            convolution1=nn.Conv1d(1, _CHANNELS, kernel_size=3, padding=1),
            activation1=nn.ReLU(),
            convolution2=nn.Conv1d(_CHANNELS, _CHANNELS, kernel_size=3, padding=1),
            activation2=nn.ReLU(),
            flatten=nn.Flatten(),
            hidden=nn.Linear(_CHANNELS * inputs, WIDTH),
            activation3=nn.ReLU(),
            head=nn.Linear(WIDTH, classes),
        )
    )


_BUILDERS = {"cnn": _cnn, "transformer": _Transformer}
