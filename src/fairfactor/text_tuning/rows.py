"""Tokenised texts with labels and groups, as batches of texts of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from fairfactor.errors import DataError
from fairfactor.groups import EXCLUDED
from fairfactor.hugging_face import Tokens

TextBatch = tuple[dict[str, Tensor], Tensor, Tensor]
"""Token ids with their mask, class codes, and group codes."""
_BATCHES_SORTED_TOGETHER = 32


@dataclass(frozen=True, eq=False)
class TextRows:
    """Texts to train or to measure on. Iterating gives batches in the order of the length.

    Attributes:
        ids: Token ids of each text.
        labels: Class codes, int64, (rows,).
        groups: Group codes, int64, (rows,); -1 for a row of no group.
        tokens: Pads the batches.
        batch_size: Rows in each batch.
    """

    ids: Sequence[Sequence[int]]
    labels: Tensor
    groups: Tensor
    tokens: Tokens
    batch_size: int = 64

    @classmethod
    def of(
        cls,
        tokens: Tokens,
        texts: Sequence[object],
        labels: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        batch_size: int = 64,
    ) -> TextRows:
        """Tokenise texts.

        Args:
            tokens: The tokenizer.
            texts: The texts.
            labels: Class code of each.
            groups: Group code of each; without them no row has a group.
            batch_size: Rows in each batch.

        Returns:
            The rows.

        Raises:
            DataError: If there are no texts, or not as many labels and groups.
        """
        codes = np.full(len(texts), EXCLUDED) if groups is None else groups
        numbers, of_group = (
            torch.tensor(np.array(part), dtype=torch.int64) for part in (labels, codes)
        )
        if not len(texts) or {numbers.shape, of_group.shape} != {(len(texts),)}:
            raise DataError(
                f"{len(texts)} texts, labels of shape {tuple(numbers.shape)} and groups of shape "
                f"{tuple(of_group.shape)}: give one label and one group code a text, at least one."
            )
        return cls(tokens.ids(texts), numbers, of_group, tokens, batch_size)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[TextBatch]:
        return map(self.batch, self._by_length().split(self.batch_size))

    def at(self, places: Sequence[int]) -> TextRows:
        """The rows at some places.

        Args:
            places: Row numbers.

        Returns:
            Those rows, in that order.
        """
        ids = [self.ids[place] for place in places]
        chosen = torch.as_tensor(np.array(places, dtype=np.int64))
        return TextRows(ids, self.labels[chosen], self.groups[chosen], self.tokens, self.batch_size)

    def batch(self, places: Tensor | Sequence[int]) -> TextBatch:
        """One batch.

        Args:
            places: Row numbers.

        Returns:
            Padded inputs, labels and groups.
        """
        chosen = torch.as_tensor(places)
        padded = self.tokens.padded([self.ids[place] for place in chosen.tolist()])
        return padded, self.labels[chosen], self.groups[chosen]

    def _by_length(self) -> Tensor:
        return torch.tensor([len(some) for some in self.ids]).argsort(stable=True)


class ShuffledBatches:
    """Row numbers of each batch: shuffled, and within some batches sorted by length.

    So little is padded, and the order is still random. The same seed and epoch give the same order.

    Args:
        lengths: Number of tokens of each row.
        batch_size: Rows in each batch.
        seed: Seed of the order.

    Attributes:
        epoch: Number of the epoch, which changes the order.
        batch_size: Rows in each batch.
        drop_last: False, for accelerate.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = torch.tensor(lengths)
        self.batch_size, self.seed = batch_size, seed
        self.epoch, self.drop_last = 0, False

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self.seed * 10_007 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator)
        batches = [
            batch
            for some in order.split(self.batch_size * _BATCHES_SORTED_TOGETHER)
            for batch in some[self.lengths[some].argsort(stable=True)].split(self.batch_size)
        ]
        for place in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[place].tolist()
