"""What is known of the images of a set, column by column and group by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from fairfactor.data.images.roles import is_attribute
from fairfactor.data.images.table import IMAGE, ImageTable
from fairfactor.data.task import MAXIMUM_GROUPS, require_columns
from fairfactor.groups import encode_groups


@dataclass(frozen=True)
class AttributeShares:
    """How often images have an attribute, or a value of a column.

    Attributes:
        name: The attribute, or ``column = value``.
        share: Among all images that the column has a value for.
        group_shares: The same in each group, in the order of their names; NaN for a group without.
    """

    name: str
    share: float
    group_shares: tuple[float, ...]

    @property
    def gap(self) -> float:
        """The largest difference between groups: the gap of a classifier that is always right."""
        return max(self.group_shares) - min(self.group_shares)


def attribute_shares(
    table: ImageTable, sensitive: Sequence[str]
) -> tuple[tuple[str, ...], tuple[int, ...], list[AttributeShares]]:
    """Count every attribute and every value of a column with few values.

    Args:
        table: The images.
        sensitive: Columns whose values name the group of an image.

    Returns:
        Names of the groups, their numbers of images, and the shares.
    """
    frame = table.frame
    require_columns(frame.columns, sensitive)
    groups = encode_groups(frame[list(sensitive)], minimum_size=0)
    left_out = {IMAGE, table.identity, *sensitive}
    shares = [
        _shares(name, seen, groups.codes, len(groups.names))
        for column in frame.columns
        if column not in left_out
        for name, seen in _indicators(frame[column])
    ]
    return groups.names, tuple(groups.counts.tolist()), shares


def _indicators(column: pd.Series) -> list[tuple[str, pd.Series]]:
    """Each thing that a column says of an image, as 0 and 1; nothing for one of many values."""
    name = str(column.name)
    if is_attribute(column):
        return [(name, column.astype(float))]
    if column.nunique() > MAXIMUM_GROUPS or pd.api.types.is_float_dtype(column.dtype):
        return []
    known = column.dropna()
    return [(f"{name} = {value}", (known == value).astype(float)) for value in sorted(set(known))]


def _shares(name: str, seen: pd.Series, codes: object, groups: int) -> AttributeShares:
    by_group = seen.groupby(pd.Series(codes)).mean().reindex(range(groups))
    return AttributeShares(name, float(seen.mean()), tuple(by_group.astype(float)))
