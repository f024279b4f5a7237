"""From what a user asks for to a task on features of images."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.data.extracted import extracted_task
from fairfactor.data.images.drawn_faces import DrawnFaces, load_drawn_faces
from fairfactor.data.images.folder import load_folder
from fairfactor.data.images.releases import RELEASES
from fairfactor.data.images.roles import ImageRoles
from fairfactor.data.images.table import IMAGE, ImageTable
from fairfactor.data.request import DataRequest
from fairfactor.data.task import TableTask, require_columns
from fairfactor.errors import ArgumentError, FairfactorWarning
from fairfactor.feature_extraction import FeatureExtractor

DRAWN_FACES, FOLDER = "drawn-faces", "folder"
"""Names of the sets of images that are no release."""

IMAGE_SETS = (DRAWN_FACES, *RELEASES, FOLDER)
"""Every set of images by name."""

BACKBONE = "efficientnet-lite0"
"""The network that makes the features unless another is asked for."""

ACCEPTED = frozenset(
    {
        "target",
        "positive",
        "threshold",
        "bins",
        "split_by",
        "parts",
        "unusable_images",
        "model",
        "weights",
    }
)
"""Fields of a request that every set of images knows."""

ROW_BY_ROW = "none"
"""The ``split_by`` that lets a unit be in two parts."""


def image_task(request: DataRequest) -> TableTask:
    """Check every image, say what was noticed, and take features of the images as the inputs.

    Args:
        request: What is asked for; ``data`` is `DRAWN_FACES`, `FOLDER` or one of `RELEASES`.

    Returns:
        The task.
    """
    target = request.target or _default_target(request)
    table = image_table(request)
    roles = ImageRoles.of(
        table.frame,
        target,
        request.sensitive,
        positive=request.positive,
        threshold=request.threshold,
        bins=request.bins,
    )
    frame = roles.frame.rename(columns={IMAGE: table.column})
    if request.parts is not None:
        require_columns(table.frame.columns, (request.parts,))
        frame = frame.assign(**{request.parts: table.frame[request.parts]})
    return extracted_task(
        frame,
        _extractor(table, request),
        replace(request, target=target, positive=roles.positive),
        target=target,
        together=_units(table, request.split_by),
    )


def image_table(request: DataRequest) -> ImageTable:
    """Read a set of images without those that cannot be used, and warn of what was noticed.

    Args:
        request: As for `image_task`.

    Returns:
        The images with all that is known of each; at most ``most_rows``, drawn at random.

    Raises:
        ArgumentError: If a place is not named.
    """
    if request.data == DRAWN_FACES:
        table = load_drawn_faces()
    elif request.data == FOLDER:
        if request.images is None:
            raise ArgumentError("images", None, "the folder of the images")
        if request.labels is None:
            raise ArgumentError("labels", None, "a table with one row an image")
        table = load_folder(Path(request.images), Path(request.labels))
    else:
        release = RELEASES[request.data]
        if request.root is None:
            raise ArgumentError("root", None, f"the folder of {release.description['name']}")
        table = release.load(Path(request.root))
    table = _drawn(table, request.most_rows)
    if not isinstance(table.images, DrawnFaces):  # which are sound, and slow to draw twice
        table = table.without_unusable(request.unusable_images, remembered=request.feature_cache)
    table.warn()
    return table


def _default_target(request: DataRequest) -> str:
    """The label of a set of images that has one.

    Returns:
        Name of the column.

    Raises:
        ArgumentError: If the images are the user's own.
    """
    if request.data == DRAWN_FACES:
        return "smiling"
    if request.data == FOLDER:
        raise ArgumentError("target", None, "the column of the table to predict")
    return RELEASES[request.data].target


def _drawn(table: ImageTable, most_rows: int) -> ImageTable:
    """At most so many rows, drawn at random before anything is done with an image."""
    rows = len(table.frame)
    if rows <= most_rows:
        return table
    warnings.warn(
        f"{most_rows:,} of {rows:,} images are drawn at random. --most-rows takes more.",
        FairfactorWarning,
        stacklevel=2,
    )
    drawn = np.sort(np.random.default_rng(0).choice(rows, most_rows, replace=False))
    return replace(table, frame=table.frame.iloc[drawn].reset_index(drop=True))


def _units(table: ImageTable, split_by: str | None) -> NDArray[np.int64] | None:
    """The unit of each row that no split parts, such as the person in a photograph."""
    column = split_by or table.identity
    if column is None or column == ROW_BY_ROW:
        return None
    require_columns(table.frame.columns, (column,))
    codes, _ = pd.factorize(table.frame[column], use_na_sentinel=False)
    return codes.astype(np.int64)


def _extractor(table: ImageTable, request: DataRequest) -> FeatureExtractor:
    from fairfactor.feature_extraction.images import image_extractor

    return image_extractor(
        request.model or BACKBONE,
        table.images,
        weights=None if request.weights is None else Path(request.weights),
        column=table.column,
        centre=table.centre,
    )
