"""Tables of texts: those that are known by name, and the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.data.request import DataRequest
from fairfactor.data.tables import SurveyedTable, with_target
from fairfactor.data.target import binned
from fairfactor.data.task import require_columns
from fairfactor.data.texts import bug, reddit_bias, templates
from fairfactor.data.texts.near_duplicates import duplicate_clusters, units_of_texts
from fairfactor.errors import ArgumentError, DataError

TEXT = "text"
"""The column of texts of the data sets known by name."""


@dataclass(frozen=True, eq=False)
class TextTable:
    """Texts with what is to be told from them and the groups of those that they are about.

    Attributes:
        frame: One row per text.
        column: Column of the texts.
        target: Column to predict.
        positive: The favourable class.
        together: Unit of each row that no split parts, such as texts that are nearly the same.
    """

    frame: pd.DataFrame
    column: str
    target: str
    positive: str | None
    together: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class TextSet:
    """A data set of texts known by name.

    Attributes:
        load: Loads the table.
        target: Column to predict.
        positive: The favourable class.
        sensitive: The sensitive column.
        description: Texts under ``name``, ``description``, ``licence`` and ``citation``.
    """

    load: Callable[[], pd.DataFrame]
    target: str
    positive: str | None
    sensitive: str
    description: Mapping[str, str]


TEXT_SETS: Mapping[str, TextSet] = MappingProxyType(
    {
        "bug-leading": TextSet(
            bug.load_bug, "role", bug.ROLES[1], "gender", bug.LEADING_DESCRIPTION
        ),
        "bug-occupations": TextSet(
            bug.load_bug, "occupation", None, "gender", bug.OCCUPATIONS_DESCRIPTION
        ),
        "redditbias": TextSet(
            reddit_bias.load_reddit_bias,
            "judgement",
            reddit_bias.JUDGEMENTS[1],
            "target_group",
            reddit_bias.DESCRIPTION,
        ),
        "text-templates": TextSet(
            templates.load_templates, "role", templates.ROLES[1], "gender", templates.DESCRIPTION
        ),
    }
)
"""The data sets of texts by name."""


def load_text_table(request: DataRequest) -> TextTable:
    """Load a data set of texts by its name, or the user's own table.

    Args:
        request: What is asked for.

    Returns:
        The table.
    """
    known = TEXT_SETS.get(request.data)
    if known is None:
        return _own_table(request)
    frame = known.load()
    require_columns(frame.columns, request.sensitive)
    # Of near-duplicates the loaders of real texts keep one; made-up ones repeat themselves.
    together = duplicate_clusters(list(frame[TEXT]), similarity=1.0)
    return TextTable(frame, TEXT, known.target, known.positive, together)


def _own_table(request: DataRequest) -> TextTable:
    """Read what is needed of the user's table; a missing text counts as an empty one.

    Returns:
        The rows that have a target.

    Raises:
        ArgumentError: If the column of texts is the target or sensitive.
        DataError: If no row has a text.
    """
    assert request.text is not None
    assert request.target is not None
    if request.text in {request.target, *request.beside_target}:
        raise ArgumentError(
            "text", request.text, "neither the target nor a sensitive column, nor that of --parts"
        )
    table = SurveyedTable.open(Path(request.data))
    wanted = (request.text, request.target, *request.beside_target)
    require_columns(table.file.names, wanted)
    table.warn()
    frame = with_target(table.read(wanted, most_rows=request.most_rows), request.target)
    target = binned(frame[request.target], bins=request.bins, threshold=request.threshold)
    texts = frame[request.text].astype("object")
    if not texts.notna().any():
        raise DataError(f"column {request.text!r} has no text in any row. Name another as --text.")
    texts = texts.where(texts.notna(), "").astype(str)
    frame = frame.assign(**{request.target: target, request.text: texts})
    together = units_of_texts(list(texts))
    return TextTable(frame, request.text, request.target, request.positive, together)
