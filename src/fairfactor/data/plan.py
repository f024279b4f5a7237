"""What is done with each column of a table, and why: shown before and after any work."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from fairfactor.data.columns import FEW_CATEGORIES, is_categorical
from fairfactor.data.dates import are_dates
from fairfactor.data.merged_column import fit_one_hot
from fairfactor.data.notation import PLAIN
from fairfactor.data.survey import MOST_VALUES, SurveyedColumn
from fairfactor.errors import DataError

Role = Literal["target", "sensitive", "input", "left out"]

SMALLEST_TRAINING_SHARE = 0.2
"""Share of the rows that the encoder may be given: the smallest training part of any split here."""
_IDENTIFIER = re.compile(
    r"(?:^|[\W_])(?:id|no|nr|number|key|uuid|guid|code)$|[a-z](?:ID|Id|No|Nr)$"
)
_FEWEST_IDENTIFIERS = 100
_EXCLUDED = "you excluded it"
_PARTS = "says which part a row is in; never an input"


@dataclass(frozen=True)
class PlannedColumn:
    """One column of a table, without any of its values.

    Attributes:
        name: Its name.
        kind: What it holds.
        distinct: How many different values it has; ``None`` for more than are told apart.
        missing: Rows without a value.
        role: What it is for.
        action: What is done with it, or why it is left out.
    """

    name: str
    kind: str
    distinct: int | None
    missing: int
    role: Role
    action: str


def plan_columns(
    frame: pd.DataFrame,
    *,
    target: str,
    sensitive: Sequence[str],
    exclude: Sequence[str] = (),
    parts: str | None = None,
    surveyed: Mapping[str, SurveyedColumn] | None = None,
) -> tuple[PlannedColumn, ...]:
    """Give every column its role.

    Args:
        frame: The table, without the columns that were not even read.
        target: Column to predict.
        sensitive: Columns whose values name the group of a row.
        exclude: Columns that the user leaves out.
        parts: Column that says which part a row was published in.
        surveyed: What was found in the file, for all its columns in their order.

    Returns:
        One entry a column.
    """
    codes = pd.factorize(frame[target])[0]
    planned = []
    for name in surveyed or map(str, frame.columns):
        found = surveyed[name] if surveyed else None
        if name not in frame.columns:
            assert found is not None
            planned.append(_not_read(found, asked_for=name not in exclude))
            continue
        column = frame[name]
        distinct, missing = int(column.nunique()), int(column.isna().sum())
        kind = found.kind if found else _kind(column)
        role: Role = "target" if name == target else "sensitive"
        action = "is predicted" if name == target else "names the group; never an input"
        if role == "sensitive" and name not in sensitive:
            asked = _PARTS if name == parts else _EXCLUDED if name in exclude else None
            reason = asked or why_left_out(column) or _recodes(column, codes)
            role, action = ("left out", reason) if reason else ("input", _use(column, distinct))
        if found and role in {"input", "sensitive"}:
            action += _remarks(found)
        planned.append(PlannedColumn(name, kind, distinct, missing, role, action))
    return tuple(planned)


def worth_reading(column: SurveyedColumn) -> bool:
    """Whether a column of a file can be an input, as far as a survey tells.

    Args:
        column: What was found in it.

    Returns:
        False for one that is empty or constant, holds times of day, or texts that hardly repeat.
    """
    return _reason_of_survey(column) is None


def why_left_out(column: pd.Series) -> str | None:
    """Say why a column cannot be an input, if it cannot.

    Args:
        column: A column of the table.

    Returns:
        The reason.
    """
    if column.isna().all():
        return "it is empty"
    if column.nunique() == 1 and not (is_categorical(column) and column.isna().any()):
        return "it has one value only"
    if not is_categorical(column):
        return _why_identifier(column)
    texts = column.dropna()
    sample = texts.sample(min(len(texts), 1000), random_state=0).astype(str)
    if are_dates(sample.str.strip()):
        return "it holds dates or times; derive a number from it, as an age"
    try:
        fit_one_hot(column.sample(frac=SMALLEST_TRAINING_SHARE, random_state=0))
    except DataError:
        return f"it has {column.nunique():,} different texts, as an identifier or free text"
    return None


def _why_identifier(column: pd.Series) -> str | None:
    """Say whether a column of numbers names rows and measures nothing."""
    if not column.is_unique or len(column) <= 2:
        return None
    if column.max() - column.min() == len(column) - 1:
        return "it numbers the rows"
    numbers = column.to_numpy(dtype=np.float64)
    whole = bool((numbers == np.floor(numbers)).all())
    named = _IDENTIFIER.search(str(column.name)) or _IDENTIFIER.search(str(column.name).lower())
    if whole and named and len(column) >= _FEWEST_IDENTIFIERS:
        return "it is different in every row, as an identifier"
    return None


def _recodes(column: pd.Series, target: np.ndarray) -> str | None:
    """Say whether a column is the target by another name: one value for each class."""
    codes = pd.factorize(column, use_na_sentinel=False)[0]
    known = target >= 0
    pairs = np.unique(np.stack([codes[known], target[known]]), axis=1)
    classes = len(np.unique(target[known]))
    if pairs.shape[1] == classes == len(np.unique(codes[known])) and classes > 1:
        return "it is the target in other words: each of its values goes with one class"
    return None


def _not_read(found: SurveyedColumn, *, asked_for: bool) -> PlannedColumn:
    reason = _reason_of_survey(found) if asked_for else _EXCLUDED
    assert reason is not None
    return PlannedColumn(found.name, found.kind, found.distinct, found.missing, "left out", reason)


def _reason_of_survey(column: SurveyedColumn) -> str | None:
    if column.kind == "empty":
        return "it is empty"
    if column.distinct == 1 and not column.missing:
        return "it has one value only"
    if column.kind == "time":
        return "it holds times of day; derive a number from it, as the hour"
    if column.kind == "category" and column.distinct is None:
        return f"it has more than {MOST_VALUES:,} different texts, as an identifier or free text"
    return None


def _kind(column: pd.Series) -> str:
    if column.isna().all():
        return "empty"
    return "category" if is_categorical(column) else "number"


def _use(column: pd.Series, distinct: int) -> str:
    missing = bool(column.isna().any())
    if is_categorical(column):
        extra = " and one for a missing value" if missing else ""
        rare = ", the rare ones together" if distinct > FEW_CATEGORIES else ""
        return f"one input for each of {distinct} categories{rare}{extra}"
    return "standardised" + ("; the training median takes the place of missing" if missing else "")


def _remarks(found: SurveyedColumn) -> str:
    remarks = [] if found.notation == PLAIN.name else [found.notation]
    if found.placeholders:
        remarks.append(f"{found.placeholders:,} placeholders as n/a count as missing")
    if found.stray:
        remarks.append(f"{found.stray:,} texts among the numbers count as missing")
    return "".join(f"; {remark}" for remark in remarks)
