"""A table of the user's own, and which of its columns can be inputs."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from fairfactor.data.columns import OneHotColumn, is_categorical
from fairfactor.data.task import TableTask, check_frame, require_columns
from fairfactor.errors import DataError, FairfactorWarning

SMALLEST_TRAINING_SHARE = 0.2
"""Share of the rows that the encoder may be given: the smallest training part of any split here."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV file, or a TSV file if its name says so; an empty cell is the only missing value.

    Args:
        path: The file, gzipped or not.

    Returns:
        The table.

    Raises:
        DataError: If the file is missing or is not a table with rows.
    """
    separator = "\t" if {".tsv", ".tab"} & set(path.suffixes) else ","
    compression: Literal["gzip"] | None = "gzip" if path.suffix == ".gz" else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                index_col=False,
                keep_default_na=False,
                na_values=[""],
                compression=compression,
                low_memory=False,
            )
    except OSError as error:
        raise DataError(f"table {path} cannot be read ({error.strerror or error}).") from error
    except pd.errors.ParserWarning as error:
        raise DataError(
            f"table {path} has more cells in a row than names in its header."
        ) from error
    except (ValueError, EOFError, zlib.error) as error:
        cause = " ".join(str(error).split())
        raise DataError(f"table {path} is not a CSV or TSV file ({cause}).") from error
    if frame.empty:
        raise DataError(f"table {path} has no rows.")
    return frame


def table_task(
    frame: pd.DataFrame,
    *,
    target: str,
    sensitive: Sequence[str],
    positive: str | None = None,
    rows: Literal["complete", "all"] = "complete",
) -> TableTask:
    """Describe a task on a table that was not made for one.

    Columns that cannot be inputs are left out, and so are incomplete rows, if asked for; a
    ``FairfactorWarning`` says which and why. A missing column, no complete row, or columns that do
    not make a task raise ``DataError``.

    Args:
        frame: The table.
        target: Column to predict.
        sensitive: Columns whose values name the group of a row. They are never inputs.
        positive: The favourable class; without it, the last in sorted order.
        rows: ``"complete"`` leaves out rows with a missing value in a column that is used.

    Returns:
        The task.
    """
    check_frame(frame)
    require_columns(frame, (target, *sensitive))
    candidates = [name for name in frame.columns if name not in {target, *sensitive}]
    refused = {name: reason for name in candidates if (reason := _unusable(frame[name]))}
    if refused:
        listing = ", ".join(f"{name!r} ({reason})" for name, reason in refused.items())
        warnings.warn(f"not used as inputs: {listing}.", FairfactorWarning, stacklevel=2)
    used = frame.drop(columns=list(refused))
    return TableTask(
        _complete_rows(used) if rows == "complete" else used,
        target=target,
        sensitive_columns=tuple(sensitive),
        positive_label=positive,
    )


def _unusable(column: pd.Series) -> str | None:
    """Say why a column cannot be an input, if it cannot."""
    if column.isna().all():
        return "it is empty"
    if not is_categorical(column):
        numbers_rows = column.is_unique and column.max() - column.min() == len(column) - 1
        return "it numbers the rows" if numbers_rows and len(column) > 2 else None
    try:
        OneHotColumn.fit(column.sample(frac=SMALLEST_TRAINING_SHARE, random_state=0))
    except DataError:
        return f"{column.nunique():,} different texts, as of an identifier or a date"
    return None


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
        warnings.warn(
            f"{dropped:,} of {len(frame):,} rows have a missing value and are left out; {most}. "
            "rows='all' keeps them.",
            FairfactorWarning,
            stacklevel=3,
        )
    return complete
