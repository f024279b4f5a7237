"""How often a network is right on images that it was not trained on, and on whose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.intervals import Estimate, wilson_interval


@dataclass(frozen=True)
class GroupAccuracy:
    """The accuracy on some of the images.

    Attributes:
        column: What they have in common; empty for all of them.
        group: Their value in that column.
        count: How many they are.
        accuracy: Share that is classified rightly, with its Wilson interval.
        most_frequent: Share that is of the class that is the most frequent one of all rows.
    """

    column: str
    group: str
    count: int
    accuracy: Estimate
    most_frequent: float


def accuracies(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], columns: pd.DataFrame
) -> tuple[GroupAccuracy, ...]:
    """Count right predictions over all rows, then by each value of each column.

    Args:
        targets: True class of each row.
        predicted: Predicted class of each row.
        columns: The columns, one row each; missing values make a group of their own.

    Returns:
        The accuracies, the largest group of each column first.
    """
    right = targets == predicted
    frequent = targets == np.bincount(targets).argmax()

    def of(column: str, group: str, rows: NDArray[np.bool_]) -> GroupAccuracy:
        share = wilson_interval(int(right[rows].sum()), int(rows.sum()))
        return GroupAccuracy(column, group, int(rows.sum()), share, float(frequent[rows].mean()))

    found = [of("", "all", np.ones(len(right), dtype=bool))]
    for name in columns.columns:
        values = columns[name].astype("string").fillna("missing").to_numpy()
        for value, _ in sorted(
            pd.Series(values).value_counts().items(), key=lambda item: (-item[1], str(item[0]))
        ):
            found.append(of(str(name), str(value), values == value))
    return tuple(found)


def as_json(found: Sequence[GroupAccuracy]) -> list[Mapping[str, Any]]:
    """Accuracies as JSON values."""
    return [asdict(one) for one in found]
