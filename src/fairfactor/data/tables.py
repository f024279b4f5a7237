"""A table of the user's own, and the task that it is for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from fairfactor.data.plan import plan_columns, worth_reading
from fairfactor.data.survey import Survey, SurveyedColumn, survey, to_numbers
from fairfactor.data.table_file import TableFile
from fairfactor.data.target import binned
from fairfactor.data.task import TableTask, check_frame, require_columns
from fairfactor.errors import DataError, FairfactorWarning

MOST_ROWS = 1_000_000
"""Rows of a file that are worked with unless told otherwise; of a longer one a random sample."""


@dataclass(frozen=True, eq=False)
class SurveyedTable:
    """A file and what its columns hold, after one pass over its rows.

    Attributes:
        file: The file.
        found: What its columns hold.
    """

    file: TableFile
    found: Survey

    @classmethod
    def open(cls, path: Path) -> SurveyedTable:
        """Look at every row of a file once, in constant memory.

        Args:
            path: CSV or another text with separators, Parquet, Arrow or Feather, gzipped or not.

        Returns:
            The table.

        Raises:
            DataError: If the file is no table, or has no rows.
        """
        file = TableFile.open(path)
        found = survey(file.parts(), prefer_decimal_commas=file.format.separator == ";")
        if not found.rows:
            raise DataError(f"table {path} has no rows.")
        return cls(file, found)

    def warn(self) -> None:
        """Say what was noticed in the file and changes what is read."""
        if self.file.format.encoding == "cp1252":
            _warn(f"table {self.file.path} is not UTF-8 and was read as Windows-1252 (Latin-1).")
        if self.found.has_total:
            _warn("the last row is a total of the others and is left out.")
        if self.found.empty_rows:
            _warn(f"{self.found.empty_rows:,} empty rows are left out.")
        for column in self.found.columns.values():
            if column.stray:
                _warn(
                    f"column {column.name!r} has {column.stray:,} texts among its numbers; they "
                    "count as missing."
                )

    def read(
        self, columns: Sequence[str] | None = None, *, most_rows: int | None = None, seed: int = 0
    ) -> pd.DataFrame:
        """Read rows into memory: numbers and dates as numbers, texts as pandas categories.

        Args:
            columns: The columns that are wanted; all if unset.
            most_rows: If there are more rows, as many are drawn at random.
            seed: Seed of the drawing.

        Returns:
            The table, in the order of the file.
        """
        wanted = [name for name in self.file.names if columns is None or name in columns]
        parts = []
        for part in self._kept_parts(wanted, self._drawn(most_rows, seed)):
            parts.append({name: self._typed(part[name]) for name in wanted})
        return pd.DataFrame(
            {name: _joined([part[name] for part in parts]) for name in wanted}, columns=wanted
        )

    def parts(self, numbers: Sequence[str], categories: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Read all rows a part at a time, in the types that a fitted encoder expects.

        Args:
            numbers: Columns that must be numbers; what is none stays a text for the encoder to
                refuse, unless it is a stray one.
            categories: Columns that must be texts.

        Yields:
            Some rows, in the order of the file, empty ones among them.
        """
        for part in self.file.parts([*numbers, *categories]):
            typed = {
                name: to_numbers(part[name], self._column(name).notation)
                if self._column(name).kind in {"number", "date", "empty"}
                else part[name]
                for name in numbers
            }
            texts = {name: _as_texts(part[name]) for name in categories}
            yield pd.DataFrame(typed | texts, index=part.index)

    def _column(self, name: str) -> SurveyedColumn:
        return self.found.columns[name]

    def _drawn(self, most_rows: int | None, seed: int) -> NDArray[np.int64] | None:
        """Positions of the rows to keep, ascending; ``None`` for all of them."""
        rows = self.found.rows
        if most_rows is None or rows <= most_rows:
            return None
        _warn(f"{most_rows:,} of {rows:,} rows are drawn at random. --most-rows takes more.")
        drawn = np.random.default_rng(seed).choice(rows, most_rows, replace=False)
        return np.sort(drawn)

    def _kept_parts(
        self, columns: list[str], drawn: NDArray[np.int64] | None
    ) -> Iterator[pd.DataFrame]:
        """Parts without empty rows, a total and rows that were not drawn."""
        start = 0
        # Whether a row is empty can be told only with all its columns.
        for part in self.file.parts(None if self.found.empty_rows else columns):
            kept = part[part.notna().any(axis=1).to_numpy()] if self.found.empty_rows else part
            kept = kept.iloc[: self.found.rows - start]
            end = start + len(kept)
            if drawn is not None:
                low, high = np.searchsorted(drawn, (start, end))
                kept = kept.iloc[drawn[low:high] - start]
            start = end
            yield kept

    def _typed(self, column: pd.Series) -> pd.Series:
        found = self._column(str(column.name))
        if found.kind in {"number", "date"}:
            return to_numbers(column, found.notation)
        return _as_texts(column).astype("category")


def read_table(path: Path) -> pd.DataFrame:
    """Read a whole table: numbers as numbers, dates as years, texts as pandas categories.

    An empty cell is a missing value, and so is a placeholder such as "n/a" among numbers.

    Args:
        path: CSV or another text with separators, Parquet, Arrow or Feather, gzipped or not.

    Returns:
        The table. A file that is none, or has no rows, is a ``DataError``.
    """
    table = SurveyedTable.open(path)
    table.warn()
    return table.read()


def load_table(
    path: Path,
    *,
    target: str,
    sensitive: Sequence[str],
    positive: str | None = None,
    bins: int | None = None,
    threshold: float | None = None,
    exclude: Sequence[str] = (),
    most_rows: int | None = MOST_ROWS,
    rows: Literal["complete", "all"] = "all",
    parts: str | None = None,
) -> TableTask:
    """Read what a task needs of a file, and describe the task.

    Args:
        path: The file, as for `read_table`.
        target: Column to predict.
        sensitive: Columns whose values name the group of a row.
        positive: The favourable class; without it, the last in sorted order.
        bins: Cut a target of numbers into so many classes of about the same size.
        threshold: Cut a target of numbers into two classes, up to this value and above it.
        exclude: Columns that are never inputs.
        most_rows: If the file has more rows, as many are drawn at random.
        rows: Whether incomplete rows are left out or kept.
        parts: Column that says which part a row was published in.

    Returns:
        The task.
    """
    table = SurveyedTable.open(path)
    require_columns(table.file.names, (target, *sensitive, *exclude, *filter(None, (parts,))))
    table.warn()
    named = {target, parts, *sensitive}
    wanted = [
        name
        for name, column in table.found.columns.items()
        if name in named or (name not in exclude and worth_reading(column))
    ]
    return table_task(
        table.read(wanted, most_rows=most_rows),
        target=target,
        sensitive=sensitive,
        positive=positive,
        bins=bins,
        threshold=threshold,
        exclude=exclude,
        rows=rows,
        parts=parts,
        surveyed=table.found,
    )


def table_task(
    frame: pd.DataFrame,
    *,
    target: str,
    sensitive: Sequence[str],
    positive: str | None = None,
    bins: int | None = None,
    threshold: float | None = None,
    exclude: Sequence[str] = (),
    rows: Literal["complete", "all"] = "complete",
    parts: str | None = None,
    surveyed: Survey | None = None,
) -> TableTask:
    """Describe a task on a table that was not made for one.

    Columns that cannot be inputs are left out, and so are rows without a target and, if asked for,
    incomplete rows; a ``FairfactorWarning`` says which and why. A missing column, no complete row,
    or columns that do not make a task raise ``DataError``.

    Args:
        frame: The table.
        target: Column to predict.
        sensitive: Columns whose values name the group of a row. They are never inputs.
        positive: The favourable class; without it, the last in sorted order.
        bins: As in `load_table`.
        threshold: As in `load_table`.
        exclude: Columns that are never inputs.
        rows: ``"complete"`` leaves out rows with a missing value in a column that is used.
        parts: Column that says which part a row was published in.
        surveyed: What was found in the file that the table comes from.

    Returns:
        The task, with a plan of all columns.
    """
    check_frame(frame)
    named = (target, *sensitive, *exclude, *filter(None, (parts,)))
    require_columns(surveyed.columns if surveyed else frame.columns, named)
    frame = with_target(frame, target)
    frame = frame.assign(**{target: binned(frame[target], bins=bins, threshold=threshold)})
    plan = plan_columns(
        frame,
        target=target,
        sensitive=sensitive,
        exclude=exclude,
        parts=parts,
        surveyed=surveyed.columns if surveyed else None,
    )
    left_out = [column for column in plan if column.role == "left out" and column.name != parts]
    unasked = [column for column in left_out if column.name not in exclude]
    if unasked:
        listing = ", ".join(f"{column.name!r} ({column.action})" for column in unasked)
        _warn(f"not used as inputs: {listing}.")
    used = frame.drop(columns=[c.name for c in left_out if c.name in frame.columns])
    return TableTask(
        _complete_rows(used) if rows == "complete" else used,
        target=target,
        sensitive_columns=tuple(sensitive),
        positive_label=positive,
        plan=plan,
        parts_column=parts,
    )


def _as_texts(column: pd.Series) -> pd.Series:
    """A column as texts; a number without a fraction reads as an integer."""
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return column
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_integer_dtype(column.dtype):
        return column.astype(str)
    return column.map(lambda x: f"{x:.0f}" if x == x // 1 else str(x), na_action="ignore").astype(
        "str"
    )


def _joined(parts: Sequence[pd.Series]) -> pd.Series:
    """Put the parts of a column together, whole numbers as integers."""
    if isinstance(parts[0].dtype, pd.CategoricalDtype):
        joined = pd.Series(union_categoricals(list(parts), sort_categories=True))
        return joined.cat.remove_unused_categories()
    column = pd.concat(parts, ignore_index=True)
    return whole_numbers(column)


def whole_numbers(column: pd.Series) -> pd.Series:
    """Numbers as int64 if every one is whole and none is missing.

    Args:
        column: Numbers.

    Returns:
        The same numbers.
    """
    values = column.to_numpy()
    if values.dtype.kind != "f" or not len(values) or not np.isfinite(values).all():
        return column
    is_whole = bool((values == np.floor(values)).all()) and np.abs(values).max() < 2**53
    return column.astype("int64") if is_whole else column


def with_target(frame: pd.DataFrame, target: str) -> pd.DataFrame:
    """Leave out the rows without a target, with a warning that counts them.

    Args:
        frame: The table.
        target: Column to predict.

    Returns:
        The other rows.

    Raises:
        DataError: If there is no such row.
    """
    known = frame[target].notna()
    missing = int((~known).sum())
    if missing == len(frame):
        raise DataError(f"target {target!r} has no value in any row. Choose another column.")
    if not missing:
        return frame
    _warn(f"target {target!r} has no value in {missing:,} of {len(frame):,} rows; left out.")
    frame = frame[known.to_numpy()].reset_index(drop=True)
    column = frame[target]
    return frame.assign(**{target: whole_numbers(column)}) if column.dtype == "float64" else frame


def _complete_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the rows with a missing value, with a warning that counts them.

    Returns:
        The other rows.

    Raises:
        DataError: If there is no such row.
    """
    complete = frame.dropna(ignore_index=True)
    dropped = len(frame) - len(complete)
    if dropped:
        missing = frame.isna().sum()
        most = f"{missing.idxmax()!r} alone has {missing.max():,} missing values"
        if complete.empty:
            raise DataError(f"no row is complete: {most}. Use rows='all', or drop the column.")
        _warn(
            f"{dropped:,} of {len(frame):,} rows have a missing value and are left out; {most}. "
            "rows='all' keeps them."
        )
    return complete


def _warn(text: str) -> None:
    warnings.warn(text, FairfactorWarning, stacklevel=3)
