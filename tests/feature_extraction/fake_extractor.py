"""A small extractor that counts what it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fairfactor.feature_extraction import FeatureExtractor


class FakeExtractor(FeatureExtractor):
    """Features of a text: a linear layer of the codes of its first characters."""

    kind = "fake"

    def __init__(self, width: int = 3, seed: int = 0) -> None:
        super().__init__("text", width)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer = nn.Linear(4, width)
        self.scale = 1.0
        self.computed: list[str] = []
        self.fail_at: str | None = None
        self.meanings: dict[str, str] = {}

    def features(self, values: Sequence[str]) -> Tensor:
        if self.fail_at in values:
            raise KeyboardInterrupt
        self.computed += values
        codes = [[float(ord(c)) for c in value.ljust(4)[:4]] for value in values]
        return self.layer(self.scale * torch.tensor(codes))

    def fingerprints(self, values: Sequence[str]) -> list[str]:
        return [self.meanings.get(value, value) for value in values]

    def description(self) -> dict[str, Any]:
        return {"width": self.width, "scale": self.scale}

    @classmethod
    def skeleton(cls, description: Mapping[str, Any]) -> FakeExtractor:
        return cls(description["width"])
