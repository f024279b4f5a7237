"""Predictions of a kept model for a file of any length, in constant memory."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from fairfactor.data.group_lookup import UnknownGroups
from fairfactor.data.tables import SurveyedTable
from fairfactor.data.task import require_columns
from fairfactor.errors import ArgumentError, FairfactorWarning
from fairfactor.images.store import open_store
from fairfactor.table_model import TableModel

_FEATURE_ROWS = 4096  # of some thousand features each


def predict_file(
    model: TableModel, path: Path, unknown_groups: UnknownGroups = "refuse"
) -> Iterator[pd.DataFrame]:
    """Predict every row of a file, in its order, a part at a time.

    When all is done a ``FairfactorWarning`` counts, for each column, the values that the model did
    not know.

    Args:
        model: The model.
        path: A file that `fairfactor.data.tables.read_table` reads.
        unknown_groups: As in `TableModel.scores`.

    Yields:
        What `TableModel.predict` returns, for some rows.
    """
    table = SurveyedTable.open(path)
    columns = model.columns
    require_columns(table.file.names, columns)
    if model.groups:
        model.groups.require(table.file.names)
    numbers = [name for name, is_number in columns.items() if is_number]
    categories = [name for name, is_number in columns.items() if not is_number]
    sensitive = model.groups.columns if model.groups else ()
    categories += [name for name in sensitive if name not in {*numbers, *categories}]
    rows, unseen = 0, Counter[str]()
    for part in _small(table.parts(numbers, categories), model):
        rows += len(part)
        unseen.update(model.unseen(part))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FairfactorWarning)  # counted over all parts below
            yield model.predict(part, unknown_groups=unknown_groups)
    for name, is_number in columns.items():
        if unseen[name]:
            _warn(name, unseen[name], rows, is_number=is_number)


def read_images_from(model: TableModel, place: Path) -> None:
    """Tell a model of images where those are that it shall predict.

    Args:
        model: The model; its extractor is changed in place.
        place: Their folder, or a packed file.

    Raises:
        ArgumentError: If the model reads no images.
    """
    from fairfactor.feature_extraction.images import ImageExtractor

    if not isinstance(model.extractor, ImageExtractor):
        raise ArgumentError("images", str(place), "nothing for a model that reads no images")
    model.extractor.images = open_store(place)


def _small(parts: Iterator[pd.DataFrame], model: TableModel) -> Iterator[pd.DataFrame]:
    """The same rows in parts whose features fit in memory, if the model makes features."""
    for part in parts:
        step = len(part) if model.extractor is None else _FEATURE_ROWS
        for start in range(0, len(part), max(step, 1)):
            yield part.iloc[start : start + step]


def _warn(name: str, count: int, rows: int, *, is_number: bool) -> None:
    consequence = (
        "are missing; the training median takes their place"
        if is_number
        else "were not in the training rows, so that nothing is known of them"
    )
    warnings.warn(
        f"column {name!r}: {count:,} of {rows:,} values {consequence}.",
        FairfactorWarning,
        stacklevel=3,
    )
