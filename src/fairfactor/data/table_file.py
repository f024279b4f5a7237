"""A table on disk, read a part at a time in constant memory."""

from __future__ import annotations

import io
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

from fairfactor.data.notation import cleaned
from fairfactor.data.table_format import TableFormat, open_bytes, readable
from fairfactor.errors import DataError

if TYPE_CHECKING:
    from types import ModuleType

CELLS_PER_PART = 1_000_000
"""Cells read at a time: some 100 MB while they are texts."""


@dataclass(frozen=True)
class TableFile:
    """A table in a file: CSV or another text with separators, Parquet, Arrow or Feather.

    Attributes:
        path: The file.
        format: How it is written.
    """

    path: Path
    format: TableFormat

    @classmethod
    def open(cls, path: Path) -> TableFile:
        """Look at a file and check that it can be read; ``DataError`` says why it cannot.

        Args:
            path: The file, gzipped or not.

        Returns:
            The table, of which nothing but the names of the columns has been read.
        """
        file = cls(path, TableFormat.of(path))
        _ = file.names
        return file

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        if self.format.form == "text":
            return self.format.names
        with readable(self.path), ExitStack() as stack:
            names = tuple(self._arrow_reader(stack)[0])
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"table {self.path} has two columns {twice!r}. Rename one of them.")
        return names

    def parts(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Read the rows a part at a time.

        Args:
            columns: The columns that are wanted, in any order; all if unset.

        Yields:
            Some rows: numbers of an Arrow format as numbers, all else as clean texts.
        """
        rows = max(1, CELLS_PER_PART // max(1, len(self.names)))
        with readable(self.path):
            read = self._text_parts if self.format.form == "text" else self._arrow_parts
            for part in read(None if columns is None else list(columns), rows):
                for name in part.columns:
                    if not pd.api.types.is_numeric_dtype(part[name].dtype):
                        part[name] = cleaned(part[name])
                yield part

    def _text_parts(self, columns: list[str] | None, rows: int) -> Iterator[pd.DataFrame]:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                reader = pd.read_csv(
                    self.path,
                    sep=self.format.separator,
                    header=0,
                    names=list(self.names),
                    skiprows=self.format.header_line,
                    usecols=columns,
                    index_col=False,
                    dtype=str,
                    keep_default_na=False,
                    na_values=[""],
                    encoding=self.format.encoding,
                    compression="gzip" if self.format.gzipped else None,
                    chunksize=rows,
                )
                with reader:
                    yield from reader
            except pd.errors.ParserWarning as error:
                raise DataError(
                    f"table {self.path} has more cells in a row than names in its header."
                ) from error

    def _arrow_parts(self, columns: list[str] | None, rows: int) -> Iterator[pd.DataFrame]:
        with ExitStack() as stack:
            names, batches = self._arrow_reader(stack)
            wanted = names if columns is None else columns
            for batch in batches(wanted, rows):
                yield pd.DataFrame(
                    {name: _from_arrow(batch.column(name)) for name in wanted}, columns=wanted
                )

    def _arrow_reader(self, stack: ExitStack) -> tuple[list[str], Any]:
        """Open a file of Apache Arrow.

        Returns:
            The names of its columns, and a function from names and a number of rows to batches.
        """
        arrow = _pyarrow(self.path)
        source: Any = stack.enter_context(self._seekable())
        if self.format.form == "parquet":
            from pyarrow import parquet

            file = parquet.ParquetFile(source)
            return file.schema_arrow.names, lambda wanted, rows: file.iter_batches(
                rows, columns=wanted
            )
        if self.format.form == "arrow":
            opened = arrow.ipc.open_file(source)
            batches = map(opened.get_batch, range(opened.num_record_batches))
        else:
            opened = arrow.ipc.open_stream(source)
            batches = iter(opened)
        return opened.schema.names, lambda _wanted, rows: (
            batch.slice(start, rows)
            for batch in batches
            for start in range(0, batch.num_rows, rows)
        )

    def _seekable(self) -> IO[bytes]:
        """The content as a file that can be read from any place: unpacked on disk if needed."""
        if not self.format.gzipped:
            return self.path.open("rb")
        unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        with open_bytes(self.path, gzipped=True) as packed:
            shutil.copyfileobj(packed, unpacked, io.DEFAULT_BUFFER_SIZE)
        unpacked.seek(0)
        return unpacked


def _from_arrow(column: Any) -> pd.Series:
    """A column of an Arrow format as numbers or texts; what is neither is missing.

    Returns:
        Integers where none is missing, else float64, or texts.
    """
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if types.is_decimal(kind):
        column, kind = column.cast("float64"), "float64"
    elif types.is_integer(kind) or types.is_floating(kind):
        pass
    elif types.is_nested(kind) or types.is_binary(kind) or types.is_null(kind):
        return pd.Series([None] * len(column), dtype="str")
    else:
        return pd.Series(column.cast("string").to_pylist(), dtype="str")
    return pd.Series(column.to_numpy(zero_copy_only=False))


def _pyarrow(path: Path) -> ModuleType:
    """Import pyarrow.

    Returns:
        The package.

    Raises:
        DataError: If it is not installed.
    """
    try:
        import pyarrow as arrow
        import pyarrow.ipc
    except ImportError as error:
        raise DataError(
            f"table {path} is in a format of Apache Arrow, which needs pyarrow: install it with "
            "pip install 'fairfactor[tables]', or save the table as CSV."
        ) from error
    package: ModuleType = arrow
    return package
