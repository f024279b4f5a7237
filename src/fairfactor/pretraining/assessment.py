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
    """

    column: str
    group: str
    count: int
    accuracy: Estimate


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
    found = [GroupAccuracy("", "all", len(right), _share(right))]
    for name in columns.columns:
        values = columns[name].astype("string").fillna("missing").to_numpy()
        for value, _ in sorted(
            pd.Series(values).value_counts().items(), key=lambda item: (-item[1], str(item[0]))
        ):
            of_group = right[values == value]
            found.append(GroupAccuracy(str(name), str(value), len(of_group), _share(of_group)))
    return tuple(found)


def as_json(found: Sequence[GroupAccuracy]) -> list[Mapping[str, Any]]:
    """Accuracies as JSON values."""
    return [asdict(one) for one in found]


def _share(right: NDArray[np.bool_]) -> Estimate:
    return wilson_interval(int(right.sum()), len(right))
