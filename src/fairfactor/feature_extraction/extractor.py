"""What turns the values of one column, such as texts or names of image files, into features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

FEATURE = "feature"
"""What the names of the feature columns start with."""


class FeatureExtractor(nn.Module, ABC):
    """A frozen pre-trained network with all that stands between a value and its features.

    It is a module, so that its weights are saved and loaded with a model that reads its features.

    Args:
        column: The column of a table that it reads.
        width: Number of features.
    """

    kind: str
    """The name in `fairfactor.feature_extraction.kinds` by which a saved one is built again."""

    def __init__(self, column: str, width: int) -> None:
        super().__init__()
        self.column, self.width = column, width

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Name of each feature."""
        return tuple(f"{FEATURE} {place}" for place in range(self.width))

    @abstractmethod
    def features(self, values: Sequence[str]) -> Tensor:
        """Features of one batch, without gradients and in evaluation mode.

        Args:
            values: Values of the column.

        Returns:
            float32, (values × width).
        """

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """All that `skeleton` needs and that features depend on besides the weights, as JSON."""

    @classmethod
    @abstractmethod
    def skeleton(cls, description: Mapping[str, Any]) -> Self:
        """Build an extractor with any weights, to load the saved ones into.

        Args:
            description: What `description` gave, after a way through JSON.

        Returns:
            The extractor.
        """

    def save_apart(self, folder: Path) -> None:
        """Write what other programs can load of it; nothing unless a kind of extractor has it.

        Args:
            folder: The folder of the run.
        """

    def fingerprints(self, values: Sequence[str]) -> list[str]:
        """What each value means to a cache: equal fingerprints have equal features.

        Args:
            values: Values of the column.

        Returns:
            A text for each; by default the value itself.
        """
        return list(values)
