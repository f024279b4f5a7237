"""A network of low-rank factors that is tuned to tell class and group together."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.errors import ArgumentError
from fairfactor.mitigation.cell_model import CellModel
from fairfactor.mitigation.thresholds import ThresholdFeatures


class FactorNetwork(nn.Module):
    """log p(y, s | x) of a trunk (the backbone without its last layer) and a skip from its inputs.

    Logits of the cells are head(trunk(e(x))) + skip(e(x)), with e the threshold features.

    Args:
        backbone: Layers in a row, the last one linear; it is copied.
        thresholds: Number of thresholds.
        n_classes: Number of classes.
        n_groups: Number of groups.
        dropout: Probability with which hidden units are dropped in training.
        input_dropout: Probability with which inputs are set to 0 in training, not rescaled.

    Raises:
        ArgumentError: If the backbone is not of that form.
    """

    def __init__(
        self,
        backbone: nn.Module,
        thresholds: int,
        n_classes: int,
        n_groups: int,
        *,
        dropout: float = 0.1,
        input_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        layers = dict(backbone.named_children())
        last = next(reversed(layers.values()), None)
        first = next(iter(layers.values()), None)
        if (
            not isinstance(backbone, nn.Sequential)
            or not isinstance(last, nn.Linear)
            or not isinstance(first, nn.Linear)
            or first is last
        ):
            raise ArgumentError(
                "backbone",
                type(backbone).__name__,
                "an nn.Sequential that starts and ends with different nn.Linear layers",
                "Use the recipes on frozen features for other networks.",
            )
        self.n_classes, self.n_groups, self.input_dropout = n_classes, n_groups, input_dropout
        self.expand = ThresholdFeatures(thresholds)
        self.trunk = _trunk(layers, thresholds, dropout)
        cells = n_classes * n_groups
        self.head = nn.Linear(last.in_features, cells)
        self.skip = nn.Linear(first.in_features + thresholds, cells, bias=False)
        with torch.no_grad():
            self.head.weight.copy_(last.weight.repeat_interleave(n_groups, dim=0))
            nn.init.zeros_(self.head.bias)
            if last.bias is not None:
                self.head.bias.copy_(last.bias.repeat_interleave(n_groups))
            nn.init.zeros_(self.skip.weight)

    @property
    def factorised_layers(self) -> tuple[str, ...]:
        """Names of the linear layers inside ``trunk``."""
        return tuple(n for n, layer in self.trunk.named_children() if isinstance(layer, nn.Linear))

    def forward(self, inputs: Tensor) -> Tensor:
        """Log probabilities of the cells, (rows × classes × groups)."""
        expanded = self.expand(inputs)
        if self.training and self.input_dropout:
            expanded = expanded * (torch.rand_like(expanded) >= self.input_dropout)
        logits = self.head(self.trunk(expanded)) + self.skip(expanded)
        cells = (self.n_classes, self.n_groups)
        return cast("Tensor", functional.log_softmax(logits, dim=1).unflatten(1, cells))


class LowRankCells(CellModel):
    """Cell probabilities of a tuned factor network, which needs the backbone no more.

    Args:
        network: The tuned factor network.
    """

    kind = "low_rank_cells"

    def __init__(self, network: FactorNetwork) -> None:
        super().__init__()
        self.network = network
        self.n_classes, self.n_groups = network.n_classes, network.n_groups

    @property
    def class_network(self) -> nn.Module:
        """The factor network."""
        return self.network

    def forward(self, inputs: Tensor) -> Tensor:
        """p(y, s | x), (rows × classes × groups)."""
        return cast("Tensor", self.network(inputs).exp())

    def description(self) -> dict[str, Any]:
        """Sizes of the factor network before surgery."""
        thresholds = len(self.network.expand.values)
        return {"thresholds": thresholds, "cells": [self.n_classes, self.n_groups]}

    @classmethod
    def skeleton(cls, backbone: nn.Module, description: Mapping[str, Any]) -> Self:
        """Build the factor network before surgery, which is repeated on loading."""
        return cls(FactorNetwork(backbone, description["thresholds"], *description["cells"]))


def _trunk(layers: Mapping[str, nn.Module], thresholds: int, dropout: float) -> nn.Sequential:
    """All layers but the last, the first widened by zeros for the thresholds, with dropout."""
    trunk = nn.Sequential()
    for index, (name, layer) in enumerate(list(layers.items())[:-1]):
        copied = copy.deepcopy(layer)
        if index == 0 and thresholds:
            assert isinstance(layer, nn.Linear)
            size = (layer.in_features + thresholds, layer.out_features)
            copied = nn.Linear(*size, bias=layer.bias is not None).to(layer.weight)
            with torch.no_grad():
                copied.weight.zero_()
                copied.weight[:, : layer.in_features] = layer.weight
                if layer.bias is not None:
                    copied.bias.copy_(layer.bias)
        trunk.add_module(name, copied)
        if not isinstance(layer, nn.Linear):
            trunk.add_module(f"{name}_dropout", nn.Dropout(dropout))
    return trunk
