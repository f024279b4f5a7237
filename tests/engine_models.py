"""Models of the kinds that people bring, with inputs and targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

NUMBER = 12
GROUPS = torch.tensor([0, 1, 2, 0, 1, 1, -1, 0, 2, 1, 0, 2])
CLASSES = torch.arange(NUMBER) % 3


class TwoTowers(nn.Module):
    """Scores a pair by the product of two embeddings: two inputs, one logit."""

    def __init__(self) -> None:
        super().__init__()
        self.person = nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 8))
        self.item = nn.Sequential(nn.Linear(7, 16), nn.ReLU(), nn.Linear(16, 8))
        self.score = nn.Linear(8, 1)

    def forward(self, person: Tensor, item: Tensor) -> Tensor:
        return self.score(self.person(person) * self.item(item))


class RecurrentClassifier(nn.Module):
    """Token embeddings, an LSTM, and two linear layers on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.recurrent = nn.LSTM(8, 12, batch_first=True)
        self.hidden = nn.Linear(12, 16)
        self.head = nn.Linear(16, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.recurrent(self.embedding(tokens))
        return self.head(torch.relu(self.hidden(states[:, -1])))


@dataclass(frozen=True, eq=False)
class EngineModel:
    """A model with data.

    Attributes:
        build: Builds the model, with the same values each time.
        inputs: Inputs of all samples.
        targets: Targets of all samples.
        loss: Name of the loss.
        layers: How many layers "all-linear" finds.
        transposed: Beginning of the names of layers whose weight is (in, out).
    """

    build: Callable[[], nn.Module]
    inputs: Any
    targets: Tensor
    loss: str
    layers: int
    transposed: str = "none"

    @property
    def arguments(self) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        """Positional and named arguments of a forward pass over all samples."""
        if isinstance(self.inputs, dict):
            return (), self.inputs
        return (self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)), {}

    @property
    def batches(self) -> list[Any]:
        """Three batches, the last one smaller; one sample has no group."""
        return [
            (rows_of(self.inputs, rows), self.targets[rows], GROUPS[rows])
            for rows in torch.arange(NUMBER).split(5)
        ]

    def outputs(self, model: nn.Module) -> Tensor:
        """Logits of all samples."""
        positional, named = self.arguments
        with torch.no_grad():
            found = model(*positional, **named)
        return getattr(found, "logits", found)


def rows_of(inputs: Any, rows: Tensor) -> Any:
    """Take rows of every tensor in the inputs."""
    if isinstance(inputs, dict):
        return {name: value[rows] for name, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(value[rows] for value in inputs)
    return inputs[rows]


def as_double(inputs: Any) -> Any:
    """Turn float tensors among the inputs into float64."""
    if isinstance(inputs, dict):
        return {name: as_double(value) for name, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(as_double(value) for value in inputs)
    return inputs.double() if inputs.is_floating_point() else inputs


def masked_tokens() -> dict[str, Tensor]:
    """Tokens of different lengths, padded with 0."""
    generator = torch.Generator().manual_seed(0)
    mask = (torch.arange(7) < (torch.arange(NUMBER) % 6 + 2)[:, None]).long()
    tokens = torch.randint(1, 20, (NUMBER, 7), generator=generator)
    return {"input_ids": tokens * mask, "attention_mask": mask}


def _of_transformers(name: str, config: str, **settings: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        transformers = pytest.importorskip("transformers")
        torch.manual_seed(0)
        settings_of_all = {"num_labels": 3, "initializer_range": 0.3}
        built = getattr(transformers, config)(**settings_of_all, **settings)
        model: nn.Module = getattr(transformers, name)(built)
        return model.eval()

    return build


def _seeded(kind: type[nn.Module]) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        torch.manual_seed(0)
        return kind().eval()

    return build


def _random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


ENGINE_MODELS = {
    "gpt2": EngineModel(
        build=_of_transformers(
            "GPT2ForSequenceClassification",
            "GPT2Config",
            vocab_size=20,
            n_embd=16,
            n_layer=2,
            n_head=2,
            n_positions=8,
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=None,
            use_cache=False,  # torch.export knows no cache as an output
        ),
        inputs=masked_tokens(),
        targets=CLASSES,
        loss="cross_entropy",
        layers=9,
        transposed="transformer.",
    ),
    "bert": EngineModel(
        build=_of_transformers(
            "BertForSequenceClassification",
            "BertConfig",
            vocab_size=20,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=8,
        ),
        inputs=masked_tokens(),
        targets=CLASSES,
        loss="cross_entropy",
        layers=14,
    ),
    "vit": EngineModel(
        build=_of_transformers(
            "ViTForImageClassification",
            "ViTConfig",
            image_size=8,
            patch_size=4,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
        ),
        inputs=_random(NUMBER, 3, 8, 8),
        targets=CLASSES,
        loss="cross_entropy",
        layers=13,
    ),
    "lstm": EngineModel(
        build=_seeded(RecurrentClassifier),
        inputs=masked_tokens()["input_ids"],
        targets=CLASSES,
        loss="cross_entropy",
        layers=2,
    ),
    "two_towers": EngineModel(
        build=_seeded(TwoTowers),
        inputs=(_random(NUMBER, 9), _random(NUMBER, 7)),
        targets=CLASSES % 2,
        loss="binary_cross_entropy",
        layers=5,
    ),
}
