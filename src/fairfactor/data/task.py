"""What a table is for: which column is the label, which are sensitive, which may be inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.data.plan import PlannedColumn
from fairfactor.errors import ArgumentError, DataError
from fairfactor.feature_extraction.extractor import FeatureExtractor

MAXIMUM_CLASSES = 100  # a target with more values is a number to regress on, or an identifier
_MOST_LISTED = 30
MAXIMUM_GROUPS = 50  # per sensitive column; Adult's native-country has 41


@dataclass(frozen=True, eq=False)
class TableTask:
    """A table and the part each of its columns plays in a classification task.

    Args:
        frame: One row per example. Row numbers always mean positions (``iloc``), not the index.
        target: Column to predict, with two values or more and none missing.
        sensitive_columns: Columns whose values name the group of a row. Several mean the
            intersections of their groups. A missing value is left to ``encode_groups``.
        positive_label: The class that is the favourable decision, for two classes only; it is
            compared as text, so ``"1"`` fits the number 1. Without it, the last in sorted order.
        excluded_columns: Columns that are never inputs, such as survey weights and row marks.
        sensitive_as_inputs: Whether sensitive columns are inputs too.
        plan: What is done with each column of a table of the user's own, those that are not in
            ``frame`` among them; empty for the data sets that are known by name.
        extractor: What made the inputs from a column of texts or images, if anything did.
        together: Unit of each row, such as the person in a photograph: no split parts the rows of
            a unit. ``None`` if every row is on its own.
        parts_column: Column that says which part a row was published in, for `split_rows`; never
            an input.

    Raises:
        ArgumentError: If an argument has the wrong form, whatever the table holds.
        DataError: If the table does not have the columns or values that are asked for.
    """

    frame: pd.DataFrame
    target: str
    sensitive_columns: tuple[str, ...]
    positive_label: object = None
    excluded_columns: tuple[str, ...] = ()
    sensitive_as_inputs: bool = False
    plan: tuple[PlannedColumn, ...] = ()
    extractor: FeatureExtractor | None = None
    together: NDArray[np.int64] | None = None
    parts_column: str | None = None

    def __post_init__(self) -> None:
        for argument in ("sensitive_columns", "excluded_columns"):
            if isinstance(getattr(self, argument), str):
                name = getattr(self, argument)
                raise ArgumentError(argument, name, "a tuple of names", f"Write ({name!r},).")
        if not self.sensitive_columns:
            raise ArgumentError("sensitive_columns", self.sensitive_columns, "at least one column")
        check_frame(self.frame)
        require_columns(
            self.frame.columns,
            (
                self.target,
                *self.sensitive_columns,
                *self.excluded_columns,
                *filter(None, (self.parts_column,)),
            ),
        )
        self._check_target()
        self._check_sensitive_columns()
        if not self.input_columns:
            raise DataError(
                "no column is left as an input: every column is the target, sensitive or excluded."
            )

    @property
    def input_columns(self) -> tuple[str, ...]:
        """Names of the columns that a model may see, in the order of the table."""
        withheld = {self.target, self.parts_column, *self.excluded_columns}
        if not self.sensitive_as_inputs:
            withheld.update(self.sensitive_columns)
        return tuple(name for name in self.frame.columns if name not in withheld)

    @property
    def published(self) -> NDArray[np.object_] | None:
        """The part that each row was published in, shape (rows,)."""
        if self.parts_column is None:
            return None
        return self.frame[self.parts_column].to_numpy(dtype=object)

    @property
    def without_extractor(self) -> TableTask:
        """The same without what made the features, which may be large, for other processes."""
        return self if self.extractor is None else replace(self, extractor=None)

    @property
    def inputs(self) -> pd.DataFrame:
        """The columns that a model may see, for ``TableEncoder``."""
        return self.frame[list(self.input_columns)]

    @property
    def sensitive_features(self) -> pd.DataFrame:
        """The sensitive columns, for ``encode_groups``."""
        return self.frame[list(self.sensitive_columns)]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The values of the target as text: place c belongs to label c, the positive class last."""
        return self._encoded_target()[1]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class codes 0..C-1, shape (rows,); for two classes 1 is the positive one."""
        return self._encoded_target()[0]

    def _encoded_target(self) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        codes, classes = pd.factorize(self.frame[self.target], sort=True)
        labels = codes.astype(np.int64)
        names = tuple(str(value) for value in classes)
        if self.positive_label is not None and str(self.positive_label) == names[0]:
            return 1 - labels, names[::-1]
        return labels, names

    def _check_target(self) -> None:
        missing = int(self.frame[self.target].isna().sum())
        if missing:
            raise DataError(
                f"target {self.target!r} has no value in {missing} of {len(self.frame)} rows: "
                "expected a class in every row. Drop these rows."
            )
        names = self.class_names
        if not 2 <= len(names) <= MAXIMUM_CLASSES:
            raise DataError(
                f"target {self.target!r} has {len(names)} different values: "
                f"expected 2 to {MAXIMUM_CLASSES} classes. Choose another column, or cut numbers "
                "into classes with --threshold or --bins."
            )
        if self.positive_label is None:
            return
        if len(names) > 2:
            raise DataError(
                f"target {self.target!r} has {len(names)} classes: a positive_label needs exactly "
                "two. Leave positive_label out, or merge classes in the table."
            )
        if str(self.positive_label) not in names:
            raise DataError(
                f"target {self.target!r} has no class {str(self.positive_label)!r}: "
                f"expected positive_label to be {names[0]!r} or {names[1]!r}."
            )

    def _check_sensitive_columns(self) -> None:
        if self.target in self.sensitive_columns:
            raise DataError(
                f"column {self.target!r} is both the target and sensitive: expected two columns."
            )
        for name in self.sensitive_columns:
            groups = self.frame[name].nunique()
            if groups > MAXIMUM_GROUPS:
                raise DataError(
                    f"sensitive column {name!r} has {groups} different values: expected at most "
                    f"{MAXIMUM_GROUPS} groups. Derive a column with fewer, for example age bands."
                )


def check_frame(frame: pd.DataFrame) -> None:
    """Check that a table has rows, and columns that can be told apart by name.

    Args:
        frame: The table.

    Raises:
        DataError: If there is no row, or a column name is used twice or is not text.
    """
    if frame.empty:
        raise DataError(f"the table has shape {frame.shape}: expected at least one row and column.")
    for name in frame.columns:
        if not isinstance(name, str):
            raise DataError(f"column name {name!r} is not text. Rename the columns.")
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"column {name!r} is in the table twice. Rename or drop one of them.")


def require_columns(columns: Iterable[str], names: Iterable[str]) -> None:
    """Check that a table has certain columns.

    Args:
        columns: The columns that it has.
        names: The columns it must have.

    Raises:
        DataError: If one is missing; the text has the nearest name and the columns there are.
    """
    present = tuple(columns)
    for name in names:
        if name not in present:
            nearest = get_close_matches(name, present, n=1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            more = f" and {len(present) - _MOST_LISTED} more" if len(present) > _MOST_LISTED else ""
            listing = ", ".join(present[:_MOST_LISTED])
            raise DataError(f"the table has no column {name!r}: it has {listing}{more}.{hint}")
