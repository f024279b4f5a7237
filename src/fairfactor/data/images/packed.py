"""The compact form: all images of a release in one file, and a table in the same order."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairfactor.data.images.table import IMAGE, ImageTable, joined
from fairfactor.data.table_format import readable
from fairfactor.errors import DataError
from fairfactor.images.store import PackedStore

IMAGES_FILE = "images96.npz"


def is_packed(root: Path) -> bool:
    """Whether a folder holds the compact form.

    Args:
        root: The folder.

    Returns:
        Whether `IMAGES_FILE` is in it.
    """
    return (root / IMAGES_FILE).is_file()


def packed_table(
    root: Path, labels: str, *, split: str | None = None, identity: str | None = None
) -> ImageTable:
    """Read a table with a column ``file`` and join it with the packed images.

    Args:
        root: The folder.
        labels: Name of the table.
        split: As in `ImageTable`.
        identity: As in `ImageTable`.

    Returns:
        The table; ``file`` is now ``image``, texts are categories.

    Raises:
        DataError: If the table is missing or has no such column.
    """
    file = root / labels
    with readable(file):
        frame = pd.read_csv(file, keep_default_na=False, na_values=[""])
    if "file" not in frame:
        raise DataError(f"{file} has no column 'file', which names the image of each row.")
    frame = frame.rename(columns={"file": IMAGE})
    for name in frame.columns.drop(IMAGE):
        if not pd.api.types.is_numeric_dtype(frame[name].dtype):
            frame[name] = frame[name].astype("category")
    return joined(frame, PackedStore(root / IMAGES_FILE), split=split, identity=identity)
