"""A small extractor of texts, and a table for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from fairfactor.feature_extraction import FeatureExtractor

LETTERS = "abcdefghijklmnopqrstuvwxyz"
KINDS = {"letters": (__name__, "LetterExtractor")}
"""For `fairfactor.feature_extraction.kinds`."""


class LetterExtractor(FeatureExtractor):
    """Counts letters and mixes the counts linearly, with weights that are saved."""

    kind = "letters"

    def __init__(self, column: str = "text", width: int = 20, seed: int = 0) -> None:
        super().__init__(column, width)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.mix = nn.Linear(len(LETTERS), width)
        self.calls: list[int] = []

    def features(self, values: Sequence[str]) -> Tensor:
        self.calls.append(len(values))
        counts = [[text.count(letter) for letter in LETTERS] for text in values]
        return self.mix(torch.tensor(counts, dtype=torch.float32))

    def description(self) -> dict[str, Any]:
        return {"column": self.column, "width": self.width}

    @classmethod
    def skeleton(cls, description: Mapping[str, Any]) -> Self:
        return cls(**description, seed=1)


def review_frame(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Texts whose letters depend on the label, and a little on the group."""
    source = np.random.default_rng(seed)
    group = source.choice(["f", "m"], rows)
    label = source.choice(["bad", "good"], rows)
    texts = []
    for g, y in zip(group, label, strict=True):
        letters = np.ones(len(LETTERS))
        letters[0 if y == "good" else 1] += 3
        letters[2 if g == "f" else 3] += 2
        texts.append("".join(source.choice(list(LETTERS), 12, p=letters / letters.sum())))
    return pd.DataFrame({"text": texts, "sex": group, "verdict": label})
