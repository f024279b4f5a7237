"""Small models and factors that the tests of this folder share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class PlainFactors:
    """The least that surgery needs from a factorisation."""

    down: Tensor
    up: Tensor
    bias_correction: Tensor | None = None


def truncated(weight: Tensor, rank: int, bias_correction: Tensor | None = None) -> PlainFactors:
    """Best rank-r factors of a matrix in float64, all singular values in the first one."""
    U, S, Vt = torch.linalg.svd(weight.detach().double(), full_matrices=False)
    return PlainFactors(S[:rank, None] * Vt[:rank], U[:, :rank], bias_correction)


def perceptron(seed: int = 0) -> nn.Sequential:
    """12 → 10 → 8 → 3 with ReLU; the linear layers are "0", "2" and "4"."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 3))


def images(seed: int = 0) -> nn.Sequential:
    """A strided convolution "0", batch normalisation, and a linear layer "4"."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 10, 3, stride=2, padding=1),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(90, 4),
    )


class Tied(nn.Module):
    """An embedding whose weight is also the weight of the last linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 6)
        self.hidden = nn.Linear(6, 6)
        self.output = nn.Linear(6, 7, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.output(self.hidden(self.embedding(tokens)))


class Conv1D(nn.Module):
    """The linear layer of transformers' GPT-2: its weight is (in × out)."""

    def __init__(self, out_features: int, in_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_features, out_features))
        self.bias = nn.Parameter(torch.randn(out_features))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs @ self.weight + self.bias
