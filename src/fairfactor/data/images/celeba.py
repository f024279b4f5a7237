"""CelebA: faces of celebrities with 40 attributes, as its authors publish it.

Source: Liu, Luo, Wang, Tang (2015), Deep Learning Face Attributes in the Wild, ICCV. For
non-commercial research only; the images may not be passed on.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairfactor.data.images.layout import found, required, table_of_words
from fairfactor.data.images.table import IMAGE, ImageTable, Notice, expected_rows, joined
from fairfactor.errors import DataError
from fairfactor.images.store import FolderStore

ROWS = 202_599
PARTS = ("train", "validation", "test")

DESCRIPTION = {
    "name": "CelebA",
    "description": "Faces of celebrities with 40 attributes that annotators saw.",
    "licence": "non-commercial research only, no redistribution",
    "citation": "Liu, Luo, Wang, Tang (2015), Deep Learning Face Attributes in the Wild, ICCV.",
}

_IMAGES = ("img_align_celeba", "img_align_celeba/img_align_celeba", "Img/img_align_celeba")
_ATTRIBUTES = ("list_attr_celeba.txt", "Anno/list_attr_celeba.txt", "list_attr_celeba.csv")
_PARTITION = ("list_eval_partition.txt", "Eval/list_eval_partition.txt", "list_eval_partition.csv")
_IDENTITY = ("identity_CelebA.txt", "Anno/identity_CelebA.txt", "identity_CelebA.csv")


def load_celeba(root: Path) -> ImageTable:
    """Read CelebA's tables. No image is decoded.

    Args:
        root: Folder with ``img_align_celeba/``, ``list_attr_celeba.txt`` and, where they are,
            ``list_eval_partition.txt`` and ``identity_CelebA.txt``; the folders ``Anno``, ``Eval``
            and ``Img`` of the download are known too, and so are its tables as CSV.

    Returns:
        One row for each row of the attribute table: 40 attributes in 0 and 1, and the columns
        ``split`` and ``person`` where their files are there.

    Raises:
        DataError: If a file is missing or damaged, or two do not have the same images.
    """
    folder = required(root, _IMAGES, "images", folder=True)
    nested = folder / folder.name
    images = FolderStore(nested if nested.is_dir() else folder)
    frame, noticed = _attributes(required(root, _ATTRIBUTES, "table of attributes"))
    partition, identity = found(root, _PARTITION), found(root, _IDENTITY)
    if partition is not None:
        codes = _matched(frame, table_of_words(partition, (IMAGE, "split")), partition)
        if not codes.isin(range(len(PARTS))).all():
            raise DataError(f"{partition} has parts other than 0, 1 and 2. Get the file again.")
        frame["split"] = pd.Categorical.from_codes(codes.tolist(), pd.Index(PARTS))
    if identity is not None:
        people = _matched(frame, table_of_words(identity, (IMAGE, "person")), identity)
        frame["person"] = people.to_numpy()
    return joined(
        frame,
        images,
        noticed=[*noticed, *expected_rows(len(frame), ROWS, "the full release")],
        split=None if partition is None else "split",
        identity=None if identity is None else "person",
    )


def _attributes(file: Path) -> tuple[pd.DataFrame, list[Notice]]:
    """The table of attributes in 0 and 1, and whether it has as many rows as its first line says.

    Returns:
        The table and the notices.

    Raises:
        DataError: If the file is another.
    """
    noticed: list[Notice] = []
    with file.open(encoding="utf-8", errors="replace") as lines:
        first, second = lines.readline().strip(), lines.readline().split()
    if file.suffix == ".csv":
        names = first.split(",")[1:]
    elif first.isdigit():
        names = second
    else:
        raise DataError(f"{file} does not start with a number of rows. Get the file again.")
    frame = table_of_words(file, (IMAGE, *names), skip=2)
    strange = ~frame[names].isin((-1, 0, 1))
    if strange.any(axis=None):
        name = strange.any().idxmax()
        raise DataError(f"{file} has values other than -1 and 1 for {name!r}. Get the file again.")
    if first.isdigit():
        noticed = expected_rows(len(frame), int(first), f"the first line of {file.name}")
    frame[names] = (frame[names] > 0).astype("int8")
    return frame, noticed


def _matched(frame: pd.DataFrame, other: pd.DataFrame, file: Path) -> pd.Series:
    """The second column of another table, in the order of the images of the first.

    Returns:
        One value for each row of the first table.

    Raises:
        DataError: If it has an image twice, or lacks one.
    """
    column = other.set_index(IMAGE).iloc[:, 0]
    if column.index.has_duplicates:
        raise DataError(f"{file} has two rows for {column.index[column.index.duplicated()][0]}.")
    missing = ~frame[IMAGE].isin(column.index)
    if missing.any():
        notice = Notice.of("images have no row", frame.loc[missing, IMAGE])
        raise DataError(f"{file}: {notice}. Get the file again.")
    return column.loc[frame[IMAGE]]
