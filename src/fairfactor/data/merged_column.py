"""A category of many values, of which the rare ones share one input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.data.columns import FEW_CATEGORIES, OneHotColumn, category_codes, category_texts

FEWEST_ROWS = 10
"""Training rows of a category that has an input of its own."""
MOST_KEPT = 500
_SMALLEST_SHARE = 0.5  # of the rows, in categories that are kept; else it is an identifier or text


@dataclass(frozen=True)
class MergedColumn:
    """A category as a row of zeros with a one at its place, rare and unknown ones at one place.

    A missing value is a category of its own if the training rows had one, and rare if they had
    none. The names of rare categories are not kept.
    """

    kind: ClassVar[str] = "one_hot_merged"

    name: str
    categories: tuple[str, ...]
    missing: bool

    @classmethod
    def fit(cls, column: pd.Series) -> Self:
        """Learn from the training rows.

        Args:
            column: Text, categories or booleans.

        Returns:
            The fitted column, with the categories of at least 10 rows, sorted, and at most the 500
            most frequent of them.
        """
        texts = category_texts(column)
        kept = tuple(sorted(map(str, _frequent(texts).index)))
        return cls(str(column.name), kept, bool(texts.isna().any()))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """``column=category`` for every category that is kept, then rare and missing ones."""
        others = ("(rare)", "(missing)") if self.missing else ("(rare)",)
        return tuple(f"{self.name}={category}" for category in (*self.categories, *others))

    def unseen(self, _column: pd.Series) -> int:
        """Zero: a value that the training rows did not have is rare.

        Returns:
            0.
        """
        return 0

    def transform(self, column: pd.Series) -> NDArray[np.float32]:
        """Encode rows.

        Args:
            column: Text, categories or booleans.

        Returns:
            Shape (rows, categories + 1 or 2).
        """
        codes, _ = category_codes(column, self.categories, missing_is_known=False)
        if self.missing:
            codes[column.isna().to_numpy()] = len(self.categories) + 1
        features = np.zeros((len(codes), len(self.feature_names)), dtype=np.float32)
        features[np.arange(len(codes)), codes] = 1
        return features


def fit_one_hot(column: pd.Series) -> OneHotColumn | MergedColumn:
    """Learn a one-hot encoding, in which the rare ones of many categories share an input.

    They do if there are more than 50 categories, some of them are rare, and most rows have one that
    is not.

    Args:
        column: Text, categories or booleans of the training rows.

    Returns:
        The fitted column. One that looks like an identifier or free text is a ``DataError``.
    """
    texts = category_texts(column)
    categories, frequent = texts.nunique(), _frequent(texts)
    is_rare = FEW_CATEGORIES < categories != len(frequent)
    if is_rare and frequent.sum() >= _SMALLEST_SHARE * texts.notna().sum():
        return MergedColumn.fit(column)
    return OneHotColumn.fit(column)


def _frequent(texts: pd.Series) -> pd.Series:
    """Rows of each category that has an input of its own, the most frequent first."""
    counts = texts.value_counts().sort_index(kind="stable")
    ordered = counts.sort_values(ascending=False, kind="stable")
    return ordered[ordered >= FEWEST_ROWS].iloc[:MOST_KEPT]
