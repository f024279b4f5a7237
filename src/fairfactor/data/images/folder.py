"""A user's own images: a folder, and a table with one row an image."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pandas as pd

from fairfactor.data.images.store import ImageStore, open_store
from fairfactor.data.images.table import IMAGE, ImageTable, joined
from fairfactor.data.tables import read_table
from fairfactor.data.task import check_frame, require_columns
from fairfactor.errors import DataError

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
    if column is None:
        column = image_column(frame, store)
    require_columns(frame.columns, (column,))
    if column != IMAGE and IMAGE in frame:
        raise DataError(f"{labels}: column {IMAGE!r} does not name the images. Rename it.")
    frame = frame.rename(columns={column: IMAGE})
    frame[IMAGE] = resolved(frame[IMAGE], store)
    return joined(frame, store)


def image_column(frame: pd.DataFrame, store: ImageStore) -> str:
    """The column of a table that names images.

    Args:
        frame: The table.
        store: The images there are.

    Returns:
        The column of which the most values, among the first rows, are names of images.

    Raises:
        DataError: If no column has any.
    """
    there = set(store.names)
    shares = {
        name: resolved(frame[name].head(_ASKED), store).isin(there).mean()
        for name in frame.columns
        if not pd.api.types.is_float_dtype(frame[name].dtype)
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    if best is None or shares[best] == 0:
        first = next(iter(there), None)
        told = f"the first image is {min(there)!r}" if first else "there are no images"
        raise DataError(
            f"no column of the table names images of {store.place}: {told}. Name the folder that "
            "the paths start from with --images."
        )
    return str(best)


def resolved(values: pd.Series, store: ImageStore) -> pd.Series:
    r"""Write values as names of a store: with "/" for "\", without "./", with a missing ending.

    Args:
        values: Names as a table has them.
        store: The images there are.

    Returns:
        The names; one that is not in the store is left as it is.

    Raises:
        DataError: If a row has no name.
    """
    if values.isna().any():
        raise DataError(
            f"column {values.name!r} names no image in {int(values.isna().sum()):,} rows. Fill "
            "them in."
        )
    texts = values.astype(str).str.replace("\\", "/").str.removeprefix("./")
    there = set(store.names)
    if texts.isin(there).all():
        return texts
    stems: dict[str, str] = {}
    for name in store.names:
        stems.setdefault(str(PurePosixPath(name).with_suffix("")), name)
    return texts.where(texts.isin(there), texts.map(lambda text: stems.get(text, text)))
