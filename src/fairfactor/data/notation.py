"""How people write numbers: decimal commas, thousands, missing values."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from fairfactor.data.dates import DATE_NOTATIONS, DateNotation

PLACEHOLDERS = frozenset(
    {"na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "unknown", "?", "-", "--", "."}
)
"""What stands for a missing number in many files, in lower case."""


@dataclass(frozen=True)
class Notation:
    """One way to write numbers.

    Attributes:
        name: What a reader is told.
        pattern: Regular expression of every number, without outer spaces.
        remove: Characters without meaning, as a class of a regular expression; empty for none.
        decimal: The decimal sign.
    """

    name: str
    pattern: str
    remove: str = ""
    decimal: str = "."

    def fits(self, texts: pd.Series) -> pd.Series:
        """Which texts are numbers so written.

        Args:
            texts: Texts without missing values.

        Returns:
            Booleans.
        """
        return texts.str.fullmatch(self.pattern).astype(bool)

    def parse(self, texts: pd.Series) -> pd.Series:
        """Read numbers.

        Args:
            texts: Texts or missing values.

        Returns:
            float64, NaN where a text is no number or missing.
        """
        if self.remove:
            texts = texts.str.replace(self.remove, "", regex=True)
        if self.decimal != ".":
            texts = texts.str.replace(self.decimal, ".", regex=False)
        return pd.to_numeric(texts, errors="coerce").astype("float64")


_SPACE = "[ \u00a0\u202f']"
PLAIN = Notation("plain", r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?")
NOTATIONS = (
    PLAIN,
    Notation(
        "thousands separated by spaces", rf"[+-]?\d{{1,3}}(?:{_SPACE}?\d{{3}})*(?:\.\d+)?", _SPACE
    ),
    Notation(
        "thousands separated by commas",
        r"[+-]?(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d+)?",
        ",",
    ),
    Notation(
        "decimal commas",
        rf"[+-]?(?:\d{{1,3}}(?:(?:\.|{_SPACE})\d{{3}})+|\d+)(?:,\d+)?(?:[eE][+-]?\d+)?",
        rf"\.|{_SPACE}",
        ",",
    ),
    Notation("percentages", r"[+-]?\d+(?:\.\d+)? ?%", " ?%"),
    Notation("percentages with decimal commas", r"[+-]?\d+(?:,\d+)? ?%", " ?%", ","),
)
"""From the most to the least usual; the first that fits every value of a column is taken."""

NOTATION_OF_NAME: dict[str, Notation | DateNotation] = {
    notation.name: notation for notation in (*NOTATIONS, *DATE_NOTATIONS)
}

LEADING_ZERO = r"[+-]?0\d+"
"""Digits that are a code, such as a postal code: as a number they would lose their zero."""


def are_placeholders(texts: pd.Series) -> pd.Series:
    """Which texts stand for a missing value.

    Args:
        texts: Texts without missing values.

    Returns:
        Booleans.
    """
    return texts.str.lower().isin(PLACEHOLDERS)


def cleaned(texts: pd.Series) -> pd.Series:
    """Texts without outer spaces, empty ones missing, and every spelling of true and false alike.

    Args:
        texts: A column of texts.

    Returns:
        The same column, clean.
    """
    stripped = texts.str.strip()
    canonical = {"": None, "true": "True", "TRUE": "True", "false": "False", "FALSE": "False"}
    changed = stripped.isin(list(canonical))
    return stripped.mask(changed, stripped.map(canonical)) if changed.any() else stripped
