"""What a table of images is for: one label, and the sensitive features, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from fairfactor.data.images.table import IMAGE
from fairfactor.data.target import binned
from fairfactor.data.task import require_columns
from fairfactor.errors import DataError


@dataclass(frozen=True, eq=False)
class ImageRoles:
    """The columns that a task needs, ready to be joined with the features of the images.

    Attributes:
        frame: The column ``image``, the label and the sensitive features. Attributes of 0 and 1 are
            written as words, ``not Smiling`` and ``Smiling``, as reports show them.
        target: Name of the label's column.
        sensitive: Names of the sensitive columns.
        positive: The favourable class; ``None`` leaves it to the order of the classes.
    """

    frame: pd.DataFrame
    target: str
    sensitive: tuple[str, ...]
    positive: str | None

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        target: str,
        sensitive: Sequence[str],
        *,
        positive: str | None = None,
        threshold: float | None = None,
        bins: int | None = None,
    ) -> ImageRoles:
        """Take the columns of one task out of a table of images.

        Args:
            frame: A table with the column ``image``.
            target: Column to predict.
            sensitive: Columns whose values name the group of a row.
            positive: The favourable class; for an attribute of 0 and 1, having it.
            threshold: Cuts a target of numbers into two classes, up to this and above it.
            bins: Cuts a target of numbers into so many classes of about the same size.

        Returns:
            The roles.

        Raises:
            DataError: If a column is missing, or ``image`` is named as one.
        """
        require_columns(frame.columns, (target, *sensitive))
        if IMAGE in {target, *sensitive}:
            raise DataError(f"column {IMAGE!r} names the images: choose another column.")
        taken = frame[[IMAGE, *dict.fromkeys((target, *sensitive))]].copy()
        if threshold is not None or bins is not None:
            taken[target] = binned(taken[target], threshold=threshold, bins=bins)
        has_attribute = is_attribute(taken[target])
        for name in taken.columns.drop(IMAGE):
            if is_attribute(taken[name]):
                taken[name] = in_words(taken[name])
        if positive is None and has_attribute:
            positive = target
        return cls(taken, target, tuple(sensitive), positive)


def is_attribute(column: pd.Series) -> bool:
    """Whether a column says of each row that it has an attribute or not.

    Args:
        column: The column.

    Returns:
        Whether it holds whole numbers, and none but 0 and 1.
    """
    return pd.api.types.is_integer_dtype(column.dtype) and bool(column.isin((0, 1)).all())


def in_words(column: pd.Series) -> pd.Categorical[str]:
    """Write an attribute of 0 and 1 as ``not <name>`` and ``<name>``.

    Args:
        column: The column.

    Returns:
        The same in words.
    """
    words = pd.Index([f"not {column.name}", str(column.name)])
    return pd.Categorical.from_codes(column.to_numpy(dtype="int8"), words)
