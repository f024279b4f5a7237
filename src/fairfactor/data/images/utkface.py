"""UTKFace: faces whose file names say age, gender and race.

Source: Zhang, Song, Qi (2017), Age Progression/Regression by Conditional Adversarial Autoencoder,
CVPR. For non-commercial research only. The labels were estimated by a model and checked by a
person; gender and race are coarse, and age is apparent age.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from fairfactor.data.images.ages import age_bands
from fairfactor.data.images.packed import is_packed, packed_table
from fairfactor.data.images.table import IMAGE, ImageTable, Notice, joined
from fairfactor.errors import DataError
from fairfactor.images.store import FolderStore

GENDERS = ("male", "female")
RACES = ("white", "black", "asian", "indian", "other")

DESCRIPTION = {
    "name": "UTKFace",
    "description": "Faces with age, gender and race, estimated by a model and checked by a person.",
    "licence": "non-commercial research only",
    "citation": "Zhang, Song, Qi (2017), Age Progression/Regression by Conditional Adversarial "
    "Autoencoder, CVPR.",
}

_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_(\d+)\.")


def load_utkface(root: Path) -> ImageTable:
    """Read the labels in the names of the files. No image is decoded.

    Names that do not follow ``age_gender_race_time`` give no row and are counted: the release has
    a few.

    Args:
        root: Folder of the images, folders within it included, or of the compact form:
            ``images96.npz`` and ``labels.csv.gz``.

    Returns:
        One row an image: ``age``, ``age band``, ``gender`` and ``race``.

    Raises:
        DataError: If no name follows the pattern.
    """
    if is_packed(root):
        table = packed_table(root, "labels.csv.gz")
        table.frame["age band"] = age_bands(table.frame["age"])
        return table
    images = FolderStore(root)
    named = [(name, _NAME.match(PurePosixPath(name).name)) for name in images.names]
    rows = [(name, *map(int, match.groups()[:3])) for name, match in named if match]
    if not rows:
        raise DataError(
            f"{root} has no image whose name is age_gender_race_time, as 25_1_2_20170116174525125"
            ".jpg. Name the folder of the release with --root."
        )
    frame = pd.DataFrame(rows, columns=[IMAGE, "age", "gender", "race"])
    frame["gender"] = pd.Categorical.from_codes(frame["gender"].tolist(), pd.Index(GENDERS))
    frame["race"] = pd.Categorical.from_codes(frame["race"].tolist(), pd.Index(RACES))
    frame["age band"] = age_bands(frame["age"])
    strange = [name for name, match in named if not match]
    noticed = [Notice.of("file names that are not age_gender_race_time, not used", strange)]
    return joined(frame, images, noticed=noticed if strange else (), ignored=strange)
