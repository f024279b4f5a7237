"""LFW+a: Labeled Faces in the Wild with the LFWA+ attributes, Kumar's scores, or both.

Sources: Huang, Ramesh, Berg, Learned-Miller (2007), UMass report 07-49 (images); Liu, Luo, Wang,
Tang (2015), ICCV (LFWA+, 40 attributes in 0 and 1); Kumar, Berg, Belhumeur, Nayar (2009), ICCV (73
real-valued scores of attribute classifiers, positive where the attribute is seen). For research
only; the rights in the photographs stay with their owners.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairfactor.data.images.layout import found, required
from fairfactor.data.images.matlab import MatlabFile
from fairfactor.data.images.packed import is_packed, packed_table
from fairfactor.data.images.table import IMAGE, ImageTable, joined
from fairfactor.data.table_format import readable
from fairfactor.errors import DataError
from fairfactor.images.store import FolderStore

SCORE = "score of "
"""Kumar's score of an attribute is in the column of this and the attribute's name."""

CENTRE = 0.6
"""The face takes about 150 of the 250 pixels of an image."""

DESCRIPTION = {
    "name": "LFW+a",
    "description": "News photographs of well-known people with attributes that annotators saw.",
    "licence": "research only, no redistribution",
    "citation": "Huang, Ramesh, Berg, Learned-Miller (2007), Labeled Faces in the Wild, UMass "
    "report 07-49; Liu, Luo, Wang, Tang (2015), Deep Learning Face Attributes in the Wild, ICCV; "
    "Kumar, Berg, Belhumeur, Nayar (2009), Attribute and Simile Classifiers, ICCV.",
}

_IMAGES = ("lfw-deepfunneled", "lfw", "lfwa", "lfw2", "lfw_funneled", "images")
_KUMAR = ("lfw_attributes.txt",)
_LFWA = ("lfw_att_40.mat", "LFWA+/lfw_att_40.mat", "anno/lfw_att_40.mat")
_INDICES = ("indices_train_test.mat", "LFWA+/indices_train_test.mat", "anno/indices_train_test.mat")


def load_lfw(root: Path) -> ImageTable:
    """Read the tables of LFW+a. No image is decoded.

    Args:
        root: Folder with the images of each person in a folder of its own within
            ``lfw-deepfunneled/``, ``lfw/`` or ``lfwa/``, and ``lfw_att_40.mat`` (LFWA+, with
            ``indices_train_test.mat`` for its own parts), ``lfw_attributes.txt`` (Kumar's scores)
            or both; or the compact form, ``images96.npz`` and ``attributes.csv.gz``.

    Returns:
        One row for each row of the tables: ``person``, LFWA+'s attributes in 0 and 1 by their
        names, Kumar's scores as ``score of <attribute>``, and ``split`` where LFWA+'s is there.

    Raises:
        DataError: If neither table is there, or they disagree about the images.
    """
    if is_packed(root):
        table = packed_table(root, "attributes.csv.gz", split="split", identity="person")
        renamed = table.frame.rename(columns={"official_split": "split"})
        return joined(renamed, table.images, split="split", identity="person")
    images = FolderStore(required(root, _IMAGES, "images", folder=True))
    kumar, lfwa = found(root, _KUMAR), found(root, _LFWA)
    frames = []
    if lfwa is not None:
        frames.append(_lfwa(lfwa, found(root, _INDICES)))
    if kumar is not None:
        frames.append(_kumar(kumar))
    if not frames:
        raise DataError(f"{root} has no attributes: expected {_LFWA[0]} or {_KUMAR[0]} in it.")
    frame = frames[0]
    if len(frames) == 2:
        frame = frame.merge(frames[1], on=IMAGE, how="outer", validate="one_to_one")
        unmatched = frame[frame.isna().any(axis=1)]
        if len(unmatched):
            raise DataError(
                f"{root}: {lfwa} and {kumar} do not have the same images: {len(unmatched):,} are "
                f"in one alone, as {unmatched[IMAGE].iloc[0]}. Move one of the tables away."
            )
    frame.insert(1, "person", [name.split("/")[0].replace("_", " ") for name in frame[IMAGE]])
    split = "split" if "split" in frame else None
    return joined(frame, images, split=split, identity="person", centre=CENTRE)


def _kumar(file: Path) -> pd.DataFrame:
    """Kumar's scores: a comment, a header that starts with "#", then person, number and scores.

    Returns:
        The image and the scores.

    Raises:
        DataError: If the file is another.
    """
    with file.open(encoding="utf-8") as lines:
        first, header = lines.readline(), lines.readline().rstrip("\n").split("\t")
    if not first.startswith("#") or header[:3] != ["#", "person", "imagenum"]:
        raise DataError(f"{file} does not start as Kumar's table of scores. Get the file again.")
    names = header[1:]
    with readable(file):
        frame = pd.read_csv(file, sep="\t", skiprows=2, header=None, names=names, index_col=False)
    scores = frame[names[2:]]
    if not all(pd.api.types.is_float_dtype(kind) for kind in scores.dtypes) or scores.isna().any(
        axis=None
    ):
        raise DataError(f"{file} has a row without all its {scores.shape[1]} scores.")
    folders = frame["person"].str.replace(" ", "_")
    files = folders + "/" + folders + "_" + frame["imagenum"].map("{:04d}".format) + ".jpg"
    renamed = scores.rename(columns={name: SCORE + name.replace(" ", "_") for name in names[2:]})
    return pd.concat([files.rename(IMAGE), renamed], axis=1)


def _lfwa(file: Path, indices: Path | None) -> pd.DataFrame:
    """LFWA+'s attributes, with its own parts where their file is there.

    Returns:
        The image, the attributes and perhaps ``split``.

    Raises:
        DataError: If a file is another.
    """
    with MatlabFile.open(file) as variables:
        attributes, images = variables.texts("AttrName"), variables.texts("name")
        labels = variables.numbers("label")
    if labels.shape == (len(attributes), len(images)):
        labels = labels.T
    if labels.shape != (len(images), len(attributes)):
        raise DataError(f"{file} has labels of shape {labels.shape}: expected one for each image.")
    frame = pd.DataFrame(labels.astype("int8"), columns=attributes)
    frame.insert(0, IMAGE, [name.replace("\\", "/") for name in images])
    if indices is None:
        return frame
    with MatlabFile.open(indices) as variables:
        test = variables.numbers("indices_img_test").astype("int64").ravel() - 1  # from 1
    if not ((test >= 0) & (test < len(frame))).all():
        raise DataError(f"{indices} numbers images that {file} does not have.")
    is_test = pd.Series(range(len(frame))).isin(test)
    frame["split"] = pd.Categorical.from_codes(
        is_test.astype("int8").tolist(), pd.Index(["train", "test"])
    )
    return frame
