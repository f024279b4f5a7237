"""From a table to a matrix of network inputs, learned from the training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.data.columns import LabelColumn, NumericColumn, OneHotColumn, is_categorical
from fairfactor.data.merged_column import MergedColumn, fit_one_hot
from fairfactor.data.task import check_frame, require_columns
from fairfactor.errors import ArgumentError, SavedModelError

Encoding = Literal["label", "one_hot"]
Column = NumericColumn | OneHotColumn | MergedColumn | LabelColumn

_FIT: dict[Encoding, Callable[[pd.Series], Column]] = {
    "label": LabelColumn.fit,
    "one_hot": fit_one_hot,
}
_KINDS: dict[str, type[Column]] = {
    kind.kind: kind for kind in (NumericColumn, OneHotColumn, MergedColumn, LabelColumn)
}


@dataclass(frozen=True)
class TableEncoder:
    """Encodes each column of a table on its own and puts the results side by side.

    It keeps the mean, scale and median of numbers and the names of categories, and nothing about
    single rows. ``fit`` makes one.

    Args:
        columns: The fitted columns, in the order of their features.
    """

    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, encoding: Encoding) -> TableEncoder:
        """Learn the encoding of every column from the training rows.

        Numbers are standardised; text, booleans and pandas categories are encoded as asked.

        Args:
            frame: Training rows with exactly the columns to encode.
            encoding: ``"one_hot"``: an input for each category (101 inputs for the complete rows of
                Adult without ``sex`` and ``fnlwgt``), the rare ones of many sharing one.
                ``"label"``: one standardised code for each column (12 inputs there), which puts
                categories in an arbitrary order.

        Returns:
            The fitted encoder.

        Raises:
            ArgumentError: If ``encoding`` is neither.
        """
        if encoding not in _FIT:
            raise ArgumentError("encoding", encoding, '"label" or "one_hot"')
        check_frame(frame)
        series = [frame[name] for name in frame.columns]
        return cls(
            tuple(
                _FIT[encoding](column) if is_categorical(column) else NumericColumn.fit(column)
                for column in series
            )
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Name of each input: the column, or ``column=category``."""
        return tuple(name for column in self.columns for name in column.feature_names)

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Column that each input comes from."""
        return tuple(column.name for column in self.columns for _ in column.feature_names)

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """Encode rows; a ``FairfactorWarning`` counts missing numbers and unknown categories.

        Args:
            frame: Rows with the columns of the training rows, in any order; others are ignored.

        Returns:
            Shape (rows, features). A missing column, an infinite number or text in place of a
            number is a ``DataError``.
        """
        require_columns(frame.columns, [column.name for column in self.columns])
        return np.hstack([column.transform(frame[column.name]) for column in self.columns])

    def unseen(self, frame: pd.DataFrame) -> dict[str, int]:
        """Count what the training rows did not have: missing numbers and unknown categories.

        Args:
            frame: As for `transform`.

        Returns:
            Number of rows by the name of the column, of every column.
        """
        return {column.name: column.unseen(frame[column.name]) for column in self.columns}

    def to_dict(self) -> dict[str, Any]:
        """Describe the encoder with JSON values only.

        Returns:
            What ``from_dict`` reads.
        """
        return {"columns": [{"kind": column.kind} | asdict(column) for column in self.columns]}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> TableEncoder:
        """Read what ``to_dict`` wrote, exactly.

        Args:
            saved: The description, also after a way through JSON.

        Returns:
            An equal encoder.

        Raises:
            SavedModelError: If a key is unknown or missing, or its value is not possible.
        """
        _check_keys("encoder", saved, {"columns"})
        records = saved["columns"]
        if not isinstance(records, list) or not records:
            raise SavedModelError(f"encoder columns={records!r}: expected a list of columns.")
        columns = tuple(
            _read_column(f"columns[{place}]", record) for place, record in enumerate(records)
        )
        names = [column.name for column in columns]
        if len(set(names)) < len(names):
            raise SavedModelError(f"encoder columns have the names {names}: expected each once.")
        return cls(columns)


def _read_column(place: str, record: object) -> Column:
    """Return the column that a record describes.

    Raises:
        SavedModelError: If a key is unknown or missing, or its value is not possible.
    """
    kind = record.get("kind") if isinstance(record, Mapping) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise SavedModelError(f"encoder {place} has kind={kind!r}: expected one of {list(_KINDS)}.")
    column = _KINDS[kind]
    names = [field.name for field in fields(column)]
    values = _check_keys(place, record, {"kind", *names})
    arguments = {name: _read_value(f"{place}.{name}", name, values[name]) for name in names}
    return column(**arguments)


def _check_keys(place: str, record: object, expected: set[str]) -> Mapping[str, Any]:
    """Return a record that has the expected keys and no other.

    Raises:
        SavedModelError: If it does not.
    """
    if not isinstance(record, Mapping):
        raise SavedModelError(f"{place} is {type(record).__name__}: expected keys and values.")
    for problem, keys in (
        ("no key", expected - record.keys()),
        ("the unknown key", record.keys() - expected),
    ):
        if keys:
            raise SavedModelError(
                f"{place} has {problem} {min(keys, key=str)!r}: expected {sorted(expected)}."
            )
    return record


def _read_value(place: str, name: str, value: Any) -> Any:
    """Return the value of one field of a column.

    Raises:
        SavedModelError: If it is not possible.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
    if name == "name":
        accepted, fits = "text", isinstance(value, str)
    elif name == "missing":
        accepted, fits = "true or false", isinstance(value, bool)
    elif name == "scale":
        accepted, fits = "a number above 0", is_number and value > 0
    elif name == "categories":
        accepted, fits = "a sorted list of different texts", _is_sorted_texts(value)
    else:
        accepted, fits = "a finite number", is_number
    if not fits:
        raise SavedModelError(f"encoder {place}={value!r}: expected {accepted}.")
    return tuple(value) if name == "categories" else value


def _is_sorted_texts(value: object) -> bool:
    return (
        isinstance(value, list)
        and all(isinstance(text, str) for text in value)
        and value == sorted(set(value))
    )
