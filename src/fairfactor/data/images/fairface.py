"""FairFace: faces balanced over seven groups of race, with age bands and gender.

Source: Kärkkäinen, Joo (2021), FairFace: Face Attribute Dataset for Balanced Race, Gender, and Age,
WACV. The labels are CC BY 4.0; the images come from Flickr and have licences of their own.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairfactor.data.images.layout import found, required
from fairfactor.data.images.table import IMAGE, ImageTable, joined
from fairfactor.data.table_format import readable
from fairfactor.errors import DataError
from fairfactor.images.store import FolderStore

DESCRIPTION = {
    "name": "FairFace",
    "description": "Faces balanced over seven groups of race, with age bands and gender.",
    "licence": "CC BY 4.0 (labels); the images as their owners say",
    "citation": "Kärkkäinen, Joo (2021), FairFace: Face Attribute Dataset for Balanced Race, "
    "Gender, and Age, WACV.",
}

_TABLES = {"train": "fairface_label_train.csv", "validation": "fairface_label_val.csv"}
_IMAGES = (
    "fairface-img-margin025-trainval",
    "fairface-img-margin125-trainval",
    "images",
)
_LABELS = ("age", "gender", "race")


def load_fairface(root: Path) -> ImageTable:
    """Read FairFace's tables. No image is decoded.

    Args:
        root: Folder with ``fairface_label_train.csv``, ``fairface_label_val.csv`` or both, and the
            folders ``train`` and ``val`` of images, alone or within a folder of the download.

    Returns:
        One row for each row of the tables: ``age`` (a band, such as "3-9"), ``gender``, ``race``
        and ``split``.
    """
    tables = {part: found(root, (name, f"labels/{name}")) for part, name in _TABLES.items()}
    if not any(tables.values()):
        required(root, tuple(_TABLES.values()), "table of labels")
    frames = [_labels(file, part) for part, file in tables.items() if file is not None]
    frame = pd.concat(frames, ignore_index=True)
    for name in (*_LABELS, "split"):
        frame[name] = frame[name].astype("category")
    folder = found(root, _IMAGES, folder=True) or root
    return joined(frame, FolderStore(folder), split="split")


def _labels(file: Path, part: str) -> pd.DataFrame:
    with readable(file):
        frame = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
    missing = {"file", *_LABELS} - set(frame.columns)
    if missing:
        raise DataError(f"{file} has no column {min(missing)!r}: expected file, age, gender, race.")
    incomplete = frame[["file", *_LABELS]].isna().any(axis=1)
    if incomplete.any():
        raise DataError(f"{file} has {int(incomplete.sum()):,} rows with an empty cell.")
    return frame[["file", *_LABELS]].rename(columns={"file": IMAGE}).assign(split=part)
