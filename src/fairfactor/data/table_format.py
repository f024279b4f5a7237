"""How a table is written in its file: form, compression, encoding, separator and names."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from fairfactor.errors import DataError

Form = Literal["text", "parquet", "arrow", "arrow stream"]

_GZIP = b"\x1f\x8b"
_FORMS: tuple[tuple[bytes, Form], ...] = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow stream"),
)
_REFUSED = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "Save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV"),
    (b"BZh", "bzip2", "Unpack it, or use gzip"),
    (b"\xfd7zXZ", "xz", "Unpack it, or use gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd", "Unpack it, or use gzip"),
    (b"FEA1", "Feather of version 1", "Write it again with a pyarrow of today"),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE = 50
_BLOCK = 1 << 20


@dataclass(frozen=True)
class TableFormat:
    """How to read a file.

    Attributes:
        form: Text with separators, or one of the formats of Apache Arrow.
        gzipped: Whether the file is compressed.
        encoding: Encoding of a text.
        separator: What separates the cells of a text.
        header_line: Place of the line with the names, which a line ``sep=;`` may precede.
        names: Names of the columns of a text, in their order; empty for other forms.
    """

    form: Form
    gzipped: bool = False
    encoding: str = "utf-8"
    separator: str = ","
    header_line: int = 0
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> TableFormat:
        """Look at the content of a file; its name decides nothing but the separator of a ``.tsv``.

        Args:
            path: The file.

        Returns:
            Its format. A text has the encoding UTF-8, UTF-16 with its mark, or Windows-1252.

        Raises:
            DataError: If the file cannot be read, or is no table.
        """
        with readable(path):
            with path.open("rb") as file:
                gzipped = file.read(2) == _GZIP
            with open_bytes(path, gzipped) as file:
                start = file.read(8)
            for magic, what, remedy in _REFUSED:
                if start.startswith(magic):
                    raise DataError(f"table {path} is {what}, which is not read. {remedy}.")
            for magic, form in _FORMS:
                if start.startswith(magic):
                    return cls(form, gzipped)
            encoding = _encoding(path, gzipped)
            with _open_text(path, gzipped, encoding) as text:
                lines = list(_records(text))
        tab = bool({".tsv", ".tab"} & {suffix.lower() for suffix in path.suffixes})
        return cls._of_text(path, gzipped, encoding, lines, "\t" if tab else None)

    @classmethod
    def _of_text(
        cls, path: Path, gzipped: bool, encoding: str, lines: list[str], separator: str | None
    ) -> TableFormat:
        """Find the separator and the names.

        Returns:
            The format.

        Raises:
            DataError: If there is no line with names, or one name is there twice.
        """
        header_line = 0
        if lines and lines[0].strip().lower().startswith("sep=") and len(lines[0].strip()) == 5:
            separator, header_line, lines = lines[0].strip()[4], 1, lines[1:]
        if not lines or not lines[0].strip():
            raise DataError(
                f"table {path} is not a CSV or TSV file (its first line is empty). Put the names "
                "of the columns there."
            )
        separator = separator or _separator(lines)
        names = _cells(lines, separator)[0]
        while len(names) > 1 and not names[-1].strip():
            names = names[:-1]  # a separator at the end of every line
        named = tuple(
            name.strip() or f"unnamed column {place}" for place, name in enumerate(names, 1)
        )
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"table {path} has two columns {twice!r}. Rename or drop one of them.")
        return cls("text", gzipped, encoding, separator, header_line, named)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say in one line why a file could not be read.

    Args:
        path: The file.

    Yields:
        Nothing.

    Raises:
        DataError: If the block could not read it.
    """
    try:
        yield
    except DataError:
        raise
    except (ValueError, EOFError, zlib.error, csv.Error) as error:
        cause = " ".join(str(error).split())
        raise DataError(f"table {path} is not a CSV or TSV file ({cause}).") from error
    except OSError as error:
        raise DataError(f"table {path} cannot be read ({error.strerror or error}).") from error


def open_bytes(path: Path, gzipped: bool) -> IO[bytes]:
    """Open the content of a file.

    Args:
        path: The file.
        gzipped: Whether it is compressed.

    Returns:
        The content as a binary file.
    """
    return cast("IO[bytes]", gzip.open(path, "rb")) if gzipped else path.open("rb")


def _open_text(path: Path, gzipped: bool, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(open_bytes(path, gzipped), encoding=encoding, newline="")


def _encoding(path: Path, gzipped: bool) -> str:
    """Read the whole file once, because a single byte near its end may tell.

    Returns:
        A name that Python knows.

    Raises:
        DataError: If there are bytes that no text has.
    """
    with open_bytes(path, gzipped) as file:
        start = file.read(4)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    decoder = codecs.getincrementaldecoder(marked or "utf-8")()
    is_utf8 = True
    with open_bytes(path, gzipped) as file:
        while block := file.read(_BLOCK):
            if marked != "utf-16" and b"\0" in block:
                raise DataError(f"table {path} is not a CSV or TSV file (it has zero bytes).")
            if is_utf8:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    is_utf8 = False
    if not is_utf8 and marked:
        raise DataError(
            f"table {path} is not a CSV or TSV file (it starts as {marked} and goes on as "
            "something else). Save it again as UTF-8."
        )
    return marked or ("utf-8" if is_utf8 else "cp1252")


def _records(text: io.TextIOWrapper) -> Iterator[str]:
    """The first lines, long enough for a sample of records."""
    for _, line in zip(range(_SAMPLE), text, strict=False):
        yield line


def _separator(lines: Sequence[str]) -> str:
    """The separator that gives most rows of the sample as many cells as there are names."""

    def score(separator: str) -> tuple[bool, int]:
        first, *others = _cells(lines, separator)
        fitting = sum(len(row) == len(first) for row in others)
        return len(first) > 1 and fitting >= 0.8 * len(others), len(first)

    return max(_SEPARATORS, key=score)


def _cells(lines: Sequence[str], separator: str) -> list[list[str]]:
    rows = csv.reader(lines, delimiter=separator)
    return [row for row in rows if row]
