"""A user's own images: a folder, and a table with one row an image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from fairfactor.data.images.table import IMAGE, ImageTable, joined
from fairfactor.data.tables import read_table
from fairfactor.data.task import check_frame, require_columns
from fairfactor.errors import DataError
from fairfactor.images.names import ImageNames
from fairfactor.images.store import open_store

DESCRIPTION = {
    "name": "A folder of images",
    "description": "Images of your own, with a table.",
    "licence": "as its owner says",
    "citation": "",
}

_ASKED = 1000  # rows that a column is recognised by


def load_folder(images: Path, labels: Path, *, column: str | None = None) -> ImageTable:
    """Read a table and find the images that it names. No image is decoded.

    Args:
        images: The folder, or a packed file.
        labels: CSV or another table that `fairfactor.data.tables.read_table` reads.
        column: The column that names the image of each row, as a path from the folder, with or
            without its ending. Without it, the column with the most names of images there are.

    Returns:
        The table; that column is now ``image``, the others are as in the file.

    Raises:
        DataError: If no column names images, or another one is called ``image``.
    """
    store = open_store(images)
    frame = read_table(labels)
    check_frame(frame)
    there = ImageNames(store.names)
    if column is None:
        column = image_column(frame, there, store.place)
    require_columns(frame.columns, (column,))
    if column != IMAGE and IMAGE in frame:
        raise DataError(f"{labels}: column {IMAGE!r} does not name the images. Rename it.")
    unnamed = int(frame[column].isna().sum())
    if unnamed:
        raise DataError(f"column {column!r} names no image in {unnamed:,} rows. Fill them in.")
    names = [there.find(str(value)) or str(value) for value in frame[column]]
    named = frame.drop(columns=column).assign(**{IMAGE: names})
    return replace(joined(named, store), column=column)


def image_column(frame: pd.DataFrame, there: ImageNames, place: str) -> str:
    """The column of a table that names images.

    Args:
        frame: The table.
        there: The images there are.
        place: Where they are.

    Returns:
        The column of which the most values, among the first rows, are names of images.

    Raises:
        DataError: If no column has any.
    """
    counts = {
        str(name): sum(there.find(str(value)) is not None for value in frame[name].head(_ASKED))
        for name in frame.columns
        if not pd.api.types.is_float_dtype(frame[name].dtype)
    }
    best = max(counts, key=lambda name: counts[name], default=None)
    if best is None or not counts[best]:
        told = f"the first image is {min(there.names)!r}" if there.names else "there are no images"
        raise DataError(
            f"no column of the table names images of {place}: {told}. Name the folder that the "
            "paths start from with --images."
        )
    return best
