"""From what a user asks for to a task on features of images."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.data.extracted import extracted_task
from fairfactor.data.images.drawn_faces import load_drawn_faces
from fairfactor.data.images.folder import load_folder
from fairfactor.data.images.releases import RELEASES
from fairfactor.data.images.roles import ImageRoles
from fairfactor.data.images.table import IMAGE, ImageTable
from fairfactor.data.request import DataRequest
from fairfactor.data.task import TableTask, require_columns
from fairfactor.errors import ArgumentError, FairfactorWarning
from fairfactor.feature_extraction import FeatureExtractor

BACKBONE = "efficientnet-lite0"
"""The network that makes the features unless another is asked for."""

ACCEPTED = frozenset(
    {"target", "positive", "threshold", "bins", "split_by", "unusable_images", "model", "weights"}
)
"""Fields of a request that every set of images knows."""

ROW_BY_ROW = "none"
"""The ``split_by`` that lets a unit be in two parts."""


def release_task(request: DataRequest) -> TableTask:
    """A release in the folder ``root``.

    Args:
        request: What is asked for; ``data`` is one of `RELEASES`.

    Returns:
        The task.

    Raises:
        ArgumentError: If no folder is named.
    """
    release = RELEASES[request.data]
    if request.root is None:
        raise ArgumentError("root", None, f"the folder of {release.description['name']}")
    table = release.load(Path(request.root))
    return image_task(table, replace(request, target=request.target or release.target))


def folder_task(request: DataRequest) -> TableTask:
    """A user's own images, in the folder ``images`` with the table ``labels``.

    Args:
        request: What is asked for.

    Returns:
        The task.

    Raises:
        ArgumentError: If the images, the table or the target is not named.
    """
    for name, what in {
        "images": "the folder of the images",
        "labels": "a table with one row an image",
        "target": "the column of the table to predict",
    }.items():
        if getattr(request, name) is None:
            raise ArgumentError(name, None, what)
    assert request.images is not None
    assert request.labels is not None
    return image_task(load_folder(Path(request.images), Path(request.labels)), request)


def drawn_faces_task(request: DataRequest) -> TableTask:
    """The drawn faces: is one smiling?

    Args:
        request: What is asked for.

    Returns:
        The task.
    """
    faces = load_drawn_faces()
    asked = replace(request, target=request.target or "smiling")
    return _task(faces, asked)


def image_task(table: ImageTable, request: DataRequest) -> TableTask:
    """Check every image, say what was noticed, and take features of the images as the inputs.

    Args:
        table: The images.
        request: What is asked for, with a target.

    Returns:
        The task.
    """
    checked = _drawn_rows(table, request.most_rows).without_unusable(
        request.unusable_images, remembered=request.feature_cache
    )
    checked.warn()
    return _task(checked, request)


def _task(table: ImageTable, request: DataRequest) -> TableTask:
    assert request.target is not None
    roles = ImageRoles.of(
        table.frame,
        request.target,
        request.sensitive,
        positive=request.positive,
        threshold=request.threshold,
        bins=request.bins,
    )
    return extracted_task(
        roles.frame.rename(columns={IMAGE: table.column}),
        _extractor(table, request),
        replace(request, positive=roles.positive),
        target=roles.target,
        together=_units(table, request.split_by),
    )


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


def _drawn_rows(table: ImageTable, most_rows: int) -> ImageTable:
    """At most so many rows, drawn at random, before anything is done with an image."""
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
