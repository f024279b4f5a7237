"""Dates as numbers: years with their fraction, so that 2 July 2024 is about 2024.5."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_ISO = rf"(\d{{4}})-(\d{{2}})-(\d{{2}})(?:[ T]{_TIME}(?:Z|[+-]\d{{2}}:?\d{{2}})?)?"
_THREE = rf"(\d{{1,2}})([./-])(\d{{1,2}})[./-](\d{{4}}|\d{{2}})(?: {_TIME})?"
_TIME_OF_DAY = r"\d{1,2}:\d{2}(?::\d{2})?"
_CENTURY = 70  # a year of two digits is of the last century from here on


@dataclass(frozen=True)
class DateNotation:
    """One way to write dates; times of day after them are left out.

    Attributes:
        name: What a reader is told.
        pattern: Regular expression of every date, without outer spaces.
        order: Which group of the pattern is the year, the month and the day.
    """

    name: str
    pattern: str
    order: tuple[int, int, int]

    def fits(self, texts: pd.Series) -> pd.Series:
        """Which texts are dates so written.

        Args:
            texts: Texts without missing values.

        Returns:
            Booleans.
        """
        return self.parse(texts).notna()

    def parse(self, texts: pd.Series) -> pd.Series:
        """Read dates as years with their fraction.

        Args:
            texts: Texts or missing values.

        Returns:
            float64, NaN where a text is no date or missing.
        """
        found = texts.astype("str").str.extract(f"^{self.pattern}$")
        year, month, day = (
            pd.to_numeric(found[place], errors="coerce").to_numpy(dtype=np.float64)
            for place in self.order
        )
        two_digits = found[self.order[0]].str.len().eq(2).fillna(value=False).to_numpy(dtype=bool)
        year = year + np.where(two_digits, np.where(year < _CENTURY, 2000, 1900), 0)
        return pd.Series(_years(year, month, day), index=texts.index, name=texts.name)


ISO = DateNotation("dates as years", _ISO, (0, 1, 2))
DAY_FIRST = DateNotation("dates as years, the day first", _THREE, (3, 2, 0))
MONTH_FIRST = DateNotation("dates as years, the month first", _THREE, (3, 0, 2))
DATE_NOTATIONS = (ISO, DAY_FIRST, MONTH_FIRST)

_ANY = re.compile(f"{_ISO}|{_THREE}|{_TIME_OF_DAY}")


def are_dates(texts: pd.Series) -> bool:
    """Whether all texts are written as dates or times of day.

    Args:
        texts: Texts without missing values.

    Returns:
        True if they are.
    """
    return bool(texts.str.fullmatch(_ANY.pattern).all())


def likely_notation(fitting: dict[str, int], rows: int, *, slashes: bool) -> str | None:
    """How the dates of a column are written.

    Args:
        fitting: Rows that fit each notation, by its name.
        rows: Rows with a value.
        slashes: Whether they are written as 3/4/2024: then the month goes first if both fit, as in
            the United States, else the day.

    Returns:
        Name of the notation; ``None`` if none fits every row, as for times of day.
    """
    preferred = (ISO, MONTH_FIRST, DAY_FIRST) if slashes else (ISO, DAY_FIRST, MONTH_FIRST)
    return next((n.name for n in preferred if rows and fitting.get(n.name) == rows), None)


def _years(
    year: NDArray[np.float64], month: NDArray[np.float64], day: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Years with their fraction; NaN for a day that no calendar has."""
    parts = pd.DataFrame({"year": year, "month": month, "day": day})
    known = parts.notna().all(axis=1).to_numpy()
    days = pd.Series(pd.NaT, index=parts.index, dtype="datetime64[s]")
    days[known] = pd.to_datetime(parts[known].astype("int64"), errors="coerce").astype(
        "datetime64[s]"
    )
    leap = np.where(days.dt.is_leap_year, 366, 365)
    result: NDArray[np.float64] = (days.dt.year + (days.dt.day_of_year - 1) / leap).to_numpy(
        dtype=np.float64
    )
    return result
