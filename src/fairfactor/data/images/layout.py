"""The parts of a release on disk: which files and folders are where, and their text tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fairfactor.data.table_format import readable
from fairfactor.errors import DataError


def found(root: Path, names: Sequence[str], *, folder: bool = False) -> Path | None:
    """Look for one part of a release.

    Args:
        root: The folder of the release.
        names: Where it may be, from the root, the usual place first.
        folder: Whether it is a folder.

    Returns:
        The first that is there, if any.
    """
    for name in names:
        path = root / name
        if path.is_dir() if folder else path.is_file():
            return path
    return None


def required(root: Path, names: Sequence[str], what: str, *, folder: bool = False) -> Path:
    """Look for a part that a release must have.

    Args:
        root: The folder of the release.
        names: As for `found`.
        what: What it is, for the text of the error.
        folder: Whether it is a folder.

    Returns:
        The first that is there.

    Raises:
        DataError: If none is there, or the root is no folder.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}. Name the folder of the release with --root.")
    path = found(root, names, folder=folder)
    if path is None:
        raise DataError(
            f"{root} has no {what}: expected {' or '.join(names[:3])} in it. Name the folder of "
            "the release with --root."
        )
    return path


def table_of_words(file: Path, columns: Sequence[str], skip: int = 0) -> pd.DataFrame:
    """Read a table whose cells are parted by spaces, or by commas if its name ends in ``.csv``.

    Args:
        file: The file; a CSV has a header line of its own.
        columns: Names of the columns, the first being the image's.
        skip: Lines before the first row of a file without commas.

    Returns:
        The table.

    Raises:
        DataError: If a row has another number of cells.
    """
    commas = file.suffix == ".csv"
    with readable(file):
        try:
            frame = pd.read_csv(
                file,
                sep="," if commas else r"\s+",
                header=None,
                names=list(columns),
                skiprows=1 if commas else skip,
                index_col=False,
                dtype={columns[0]: str},
                keep_default_na=False,
                na_values=[""],
            )
        except pd.errors.ParserError as error:
            raise DataError(f"{file} has a row with too many cells ({error}).") from error
    short = frame.isna().any(axis=1)
    if short.any():
        name = frame.loc[short, columns[0]].iloc[0]
        raise DataError(
            f"{file} has {int(short.sum()):,} rows with fewer than {len(columns)} cells, the first "
            f"for {name}. Get the file again."
        )
    return frame
