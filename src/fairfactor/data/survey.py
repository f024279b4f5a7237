"""What the columns of a table hold, found in one pass over its rows in constant memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from fairfactor.data.dates import DATE_NOTATIONS, are_dates, likely_notation
from fairfactor.data.notation import (
    LEADING_ZERO,
    NOTATION_OF_NAME,
    NOTATIONS,
    PLAIN,
    are_placeholders,
)

Kind = Literal["number", "category", "date", "time", "empty"]

MOST_VALUES = 5_000
"""Different values that are told apart in a column; more are only said to be more."""
FEW_VALUES = 50
"""A column of numbers and stray texts is taken for categories if it has no more values than so."""
STRAY_SHARE = 0.05
"""Share of texts among numbers, beyond which a column is not one of numbers."""
TOTALS = frozenset(
    {"total", "totals", "grand total", "sum", "summe", "gesamt", "gesamtsumme", "somme", "totale"}
)


@dataclass(frozen=True)
class SurveyedColumn:
    """What a column holds.

    Attributes:
        name: Its name.
        kind: Numbers, categories (any other text), dates, times of day, or nothing.
        notation: How its numbers or dates are written, a name of a `Notation`.
        distinct: How many different values it has; ``None`` for more than are told apart.
        missing: Rows without a value.
        placeholders: Rows with a text such as "n/a" in the place of a number.
        stray: Rows with any other text in the place of a number; they count as missing.
    """

    name: str
    kind: Kind
    notation: str
    distinct: int | None
    missing: int
    placeholders: int = 0
    stray: int = 0


@dataclass(frozen=True)
class Survey:
    """What a table holds.

    Attributes:
        rows: Number of rows, without those that are empty and a total at the end.
        empty_rows: Rows without any value, at any place.
        has_total: Whether the last row is a total of the others, which is no row of the data.
        columns: By name.
    """

    rows: int
    empty_rows: int
    has_total: bool
    columns: Mapping[str, SurveyedColumn]


@dataclass
class _Seen:
    """What has been seen of a column so far."""

    values: Counter[str] = field(default_factory=Counter)
    overflow: bool = False
    missing: int = 0
    texts: int = 0  # rows with a text; the others are numbers of an Arrow format
    numbers: int = 0
    placeholders: int = 0
    leading_zeros: bool = False
    dates: bool = True
    slashes: bool = False
    fitting: Counter[str] = field(default_factory=Counter)

    def add(self, column: pd.Series) -> None:
        counts = column.value_counts()
        self.missing += len(column) - int(counts.sum())
        if pd.api.types.is_numeric_dtype(column.dtype):
            self.numbers += int(counts.sum())
            self._remember(counts)
            return
        texts = pd.Series(counts.index, dtype="str")
        rows = counts.to_numpy()
        self.texts += int(rows.sum())
        self._remember(counts)
        if texts.empty:
            return
        placeholder = are_placeholders(texts).to_numpy()
        self.placeholders += int(rows[placeholder].sum())
        texts, rows = texts[~placeholder], rows[~placeholder]
        self.leading_zeros |= bool(texts.str.fullmatch(LEADING_ZERO).any())
        self.dates &= are_dates(texts)
        if self.dates:
            self.slashes |= bool(texts.str.contains("/", regex=False).any())
            for date in DATE_NOTATIONS:
                self.fitting[date.name] += int(rows[date.fits(texts).to_numpy()].sum())
        plain = PLAIN.fits(texts).to_numpy()
        for notation in NOTATIONS:
            fits = plain if notation is PLAIN or plain.all() else notation.fits(texts).to_numpy()
            self.fitting[notation.name] += int(rows[fits].sum())

    def _remember(self, counts: pd.Series) -> None:
        if self.overflow:
            return
        self.values.update(dict(zip(counts.index, counts.tolist(), strict=True)))
        if len(self.values) > MOST_VALUES:
            self.overflow = True
            self.values.clear()

    def forget(self, value: object) -> None:
        """Take back one value, whose kind stays in mind where it decides nothing."""
        if not isinstance(value, str):
            self.missing -= value is None or value != value  # NaN differs from itself
            return
        self.texts -= 1
        self.values[value] -= 1
        self.values += Counter()  # drops what is there no more
        one = pd.Series([value], dtype="str")
        if are_placeholders(one).all():
            self.placeholders -= 1
            return
        for notation in (*NOTATIONS, *DATE_NOTATIONS):
            self.fitting[notation.name] -= int(notation.fits(one).sum())

    def settled(self, name: str, *, prefer_decimal_commas: bool) -> SurveyedColumn:
        """Decide what the column is."""
        distinct = None if self.overflow else len(self.values)
        if not self.texts:
            kind: Kind = "number" if self.numbers else "empty"
            return SurveyedColumn(name, kind, PLAIN.name, distinct, self.missing)
        candidates = [n.name for n in NOTATIONS if n.name in self.fitting] or [PLAIN.name]
        if prefer_decimal_commas:
            candidates.sort(key=lambda name: name not in {PLAIN.name, "decimal commas"})
        notation = max(candidates, key=lambda name: self.fitting[name])
        meant = self.texts - self.placeholders
        stray = meant - self.fitting[notation]
        many = distinct is None or distinct > FEW_VALUES
        is_number = meant > 0 and (stray == 0 or (many and stray <= STRAY_SHARE * meant))
        if is_number and not self.leading_zeros:
            return SurveyedColumn(
                name,
                "number",
                notation,
                None if distinct is None else distinct - self._placeholder_values(),
                self.missing + self.placeholders + stray,
                self.placeholders,
                stray,
            )
        if not self.dates or not meant:
            return SurveyedColumn(name, "category", PLAIN.name, distinct, self.missing)
        written = likely_notation(self.fitting, meant, slashes=self.slashes)
        if written is None:
            return SurveyedColumn(name, "time", PLAIN.name, distinct, self.missing)
        return SurveyedColumn(
            name, "date", written, distinct, self.missing + self.placeholders, self.placeholders
        )

    def _placeholder_values(self) -> int:
        return int(are_placeholders(pd.Series(list(self.values), dtype="str")).sum())


def survey(parts: Iterable[pd.DataFrame], *, prefer_decimal_commas: bool = False) -> Survey:
    """Look at every row once.

    Args:
        parts: The table a part at a time, as `TableFile.parts` gives it.
        prefer_decimal_commas: Whether 1,234 is rather a fraction than a thousand, as in files whose
            separator is a semicolon.

    Returns:
        What the columns hold.
    """
    seen: dict[Hashable, _Seen] = {}
    rows = empty = 0
    last: pd.Series | None = None
    for part in parts:
        for name in part.columns:
            seen.setdefault(name, _Seen())
        without = part.isna().all(axis=1)
        empty += int(without.sum())
        kept = part[~without.to_numpy()]
        rows += len(kept)
        if len(kept):
            last = kept.iloc[-1]
        for label, column in kept.items():
            seen[label].add(column)
    has_total = last is not None and rows > 2 and _is_total(last, seen)
    if has_total:
        assert last is not None
        for label, value in last.items():
            seen[label].forget(value)
    return Survey(
        rows - has_total,
        empty,
        has_total,
        {
            str(name): one.settled(str(name), prefer_decimal_commas=prefer_decimal_commas)
            for name, one in seen.items()
        },
    )


def to_numbers(column: pd.Series, notation: str = PLAIN.name) -> pd.Series:
    """Read a column of numbers, or of dates as years.

    Args:
        column: Numbers, or texts in a notation.
        notation: Name of the notation.

    Returns:
        Numbers as they are, and texts as float64 with NaN for what is no number.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return NOTATION_OF_NAME[notation].parse(column)


def _is_total(row: pd.Series, seen: Mapping[Hashable, _Seen]) -> bool:
    """Whether a row says that it is a total, in a word that no other row of that column has."""
    for name, value in row.items():
        if isinstance(value, str) and value.rstrip(":").casefold() in TOTALS:
            one = seen[name]
            return one.overflow or one.values[value] == 1
    return False
