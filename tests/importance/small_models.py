"""Small models that meet their layers in every way that the package supports."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def deep_mlp(*, outputs: int = 3) -> nn.Module:
    """Three linear layers with activations that work in place."""
    return nn.Sequential(
        nn.Linear(6, 9),
        nn.ReLU(inplace=True),
        nn.Linear(9, 7, bias=False),
        nn.ReLU(inplace=True),
        nn.Linear(7, outputs),
    ).eval()


class TokenClassifier(nn.Module):
    """One transformer block with a padding mask; the first token is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.query = nn.Linear(8, 8)
        self.key = nn.Linear(8, 8)
        self.value = nn.Linear(8, 8)
        self.up = nn.Linear(8, 20)
        self.down = nn.Linear(20, 8)
        self.normalization = nn.LayerNorm(8)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(8, 3)

    def forward(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.embedding(tokens)
        scores = self.query(x) @ self.key(x).transpose(1, 2) / 8**0.5
        scores = scores.masked_fill(attention_mask[:, None] == 0, -torch.inf)
        x = self.normalization(x + self.dropout(scores.softmax(dim=2)) @ self.value(x))
        x = x + self.down(functional.gelu(self.up(x)))
        return self.classifier(x[:, 0])


class RecurrentClassifier(nn.Module):
    """An LSTM whose last state goes to a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Linear(5, 4)
        self.recurrent = nn.LSTM(4, 6, batch_first=True)
        self.classifier = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.recurrent(self.input(x))
        return self.classifier(states[:, -1])


class RepeatedLayer(nn.Module):
    """Calls one layer twice, and ties two more to one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(6, 6)
        self.first = nn.Linear(6, 6)
        self.second = nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.classifier = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.step(torch.tanh(self.step(x))))
        return self.classifier(torch.tanh(self.second(torch.tanh(self.first(x)))))


class ConvolutionClassifier(nn.Module):
    """Convolutions of several kinds, averaged over pixels, with a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(2, 4, 3, padding=1, stride=2)
        self.same = nn.Conv2d(4, 4, (3, 2), padding="same", dilation=(1, 2))
        self.reflected = nn.Conv2d(4, 5, 3, padding=1, padding_mode="reflect", dilation=1)
        self.pointwise = nn.Conv2d(5, 6, 1)
        self.strided_pointwise = nn.Conv2d(6, 6, 1, stride=2)
        self.normalization = nn.BatchNorm2d(6)
        self.classifier = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.wide, self.same, self.reflected, self.pointwise, self.strided_pointwise):
            x = torch.tanh(layer(x))
        return self.classifier(self.normalization(x).mean(dim=(2, 3)))


class SequenceFirst(nn.Module):
    """Works on (positions, samples, features) inside."""

    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Linear(5, 4)
        self.classifier = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.tanh(self.input(x.transpose(0, 1))).mean(dim=0))


class FlattenedPieces(nn.Module):
    """Cuts each sample into pieces along the first dimension, as windowed attention does."""

    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Linear(5, 4)
        self.classifier = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.input(x.flatten(0, 1)))
        return self.classifier(hidden.view(*x.shape[:2], -1).mean(dim=1))
