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
from fairfactor.errors import FairfactorWarning
from fairfactor.table_model import TableModel


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
    for part in table.parts(numbers, categories):
        rows += len(part)
        unseen.update(model.unseen(part))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FairfactorWarning)  # counted over all parts below
            yield model.predict(part, unknown_groups=unknown_groups)
    for name, is_number in columns.items():
        if unseen[name]:
            _warn(name, unseen[name], rows, is_number=is_number)


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
