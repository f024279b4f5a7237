"""How one column of a table becomes network inputs, learned from the training rows alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.errors import DataError, FairfactorWarning

MAXIMUM_CATEGORIES = 1000
FEW_CATEGORIES = 50
"""So many are never taken for an identifier, however few rows there are."""
_LARGEST_NUMBER = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class NumericColumn:
    """A number x as (x - mean) / scale, a missing x first replaced by the training median.

    Mean and scale (the population standard deviation) are those of the training rows after that
    replacement; a constant column has scale 1.
    """

    kind: ClassVar[str] = "numeric"

    name: str
    median: float
    mean: float
    scale: float

    @classmethod
    def fit(cls, column: pd.Series) -> Self:
        """Learn from the training rows.

        Args:
            column: Numbers.

        Returns:
            The fitted column.

        Raises:
            DataError: If no row has a value, or one is infinite.
        """
        name = str(column.name)
        numbers = _numbers(name, column)
        if np.isnan(numbers).all():
            raise DataError(f"column {name!r} has no value in the training rows. Exclude it.")
        median = float(np.nanmedian(numbers))
        mean, scale = _mean_and_scale(np.where(np.isnan(numbers), median, numbers))
        return cls(name, median, mean, scale)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of the column, once."""
        return (self.name,)

    def unseen(self, column: pd.Series) -> int:
        """Count the rows without a number.

        Args:
            column: Numbers, or text that reads as numbers.

        Returns:
            How many there are.
        """
        return int(np.isnan(_numbers(self.name, column)).sum())

    def transform(self, column: pd.Series) -> NDArray[np.float32]:
        """Standardise rows, with a warning if values are missing.

        Args:
            column: Numbers, or text that reads as numbers.

        Returns:
            Shape (rows, 1).
        """
        numbers = _numbers(self.name, column)
        missing = np.isnan(numbers)
        if missing.any():
            warnings.warn(
                f"column {self.name!r}: {missing.sum()} of {len(numbers)} values are missing; "
                f"the training median {self.median:g} takes their place.",
                FairfactorWarning,
                stacklevel=2,
            )
            numbers = np.where(missing, self.median, numbers)
        return _standardised(numbers, self.mean, self.scale)


@dataclass(frozen=True)
class OneHotColumn:
    """A category as a row of zeros with a one at its place.

    A missing value is a category of its own if the training rows had one. A value that the training
    rows did not have becomes zeros everywhere.
    """

    kind: ClassVar[str] = "one_hot"

    name: str
    categories: tuple[str, ...]
    missing: bool

    @classmethod
    def fit(cls, column: pd.Series) -> Self:
        """Learn from the training rows.

        Args:
            column: Text, categories or booleans.

        Returns:
            The fitted column, its categories sorted.
        """
        return cls(str(column.name), *_categories(column))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """``column=category`` for every category, a missing value last."""
        categories = (*self.categories, "(missing)") if self.missing else self.categories
        return tuple(f"{self.name}={category}" for category in categories)

    def unseen(self, column: pd.Series) -> int:
        """Count the rows with a value that the training rows did not have.

        Args:
            column: Text, categories or booleans.

        Returns:
            How many there are.
        """
        return int(category_codes(column, self.categories, missing_is_known=self.missing)[1].sum())

    def transform(self, column: pd.Series) -> NDArray[np.float32]:
        """Encode rows, with a warning if values are unknown.

        Args:
            column: Text, categories or booleans.

        Returns:
            Shape (rows, categories).
        """
        codes, unknown = category_codes(column, self.categories, missing_is_known=self.missing)
        _warn_of_unknown(column, unknown, "all of its inputs are 0 there")
        features = np.zeros((len(codes), len(self.feature_names)), dtype=np.float32)
        known = np.flatnonzero(~unknown)
        features[known, codes[known]] = 1
        return features


@dataclass(frozen=True)
class LabelColumn:
    """A category as (code - mean) / scale, with codes 0..K-1 for the K sorted categories.

    Code K is kept for a missing value, and for one that the training rows did not have. Mean and
    scale are those of the training rows' codes; a constant column has scale 1.
    """

    kind: ClassVar[str] = "label"

    name: str
    categories: tuple[str, ...]
    missing: bool
    mean: float
    scale: float

    @classmethod
    def fit(cls, column: pd.Series) -> Self:
        """Learn from the training rows.

        Args:
            column: Text, categories or booleans.

        Returns:
            The fitted column.
        """
        categories, missing = _categories(column)
        codes, _ = category_codes(column, categories, missing_is_known=missing)
        return cls(str(column.name), categories, missing, *_mean_and_scale(codes.astype(float)))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of the column, once."""
        return (self.name,)

    def unseen(self, column: pd.Series) -> int:
        """Count the rows with a value that the training rows did not have.

        Args:
            column: Text, categories or booleans.

        Returns:
            How many there are.
        """
        return int(category_codes(column, self.categories, missing_is_known=self.missing)[1].sum())

    def transform(self, column: pd.Series) -> NDArray[np.float32]:
        """Encode rows, with a warning if values are unknown.

        Args:
            column: Text, categories or booleans.

        Returns:
            Shape (rows, 1).
        """
        codes, unknown = category_codes(column, self.categories, missing_is_known=self.missing)
        _warn_of_unknown(column, unknown, f"they take the reserved code {len(self.categories)}")
        return _standardised(codes, self.mean, self.scale)


def is_categorical(column: pd.Series) -> bool:
    """Tell categories (text, booleans, pandas categories) from numbers by the type of a column.

    Args:
        column: Any column.

    Returns:
        Whether it holds categories.

    Raises:
        DataError: If it holds neither, for example dates.
    """
    types = pd.api.types
    dtype = column.dtype
    if (
        isinstance(dtype, pd.CategoricalDtype)
        or types.is_bool_dtype(dtype)
        or types.is_string_dtype(dtype)
        or types.is_object_dtype(dtype)
    ):
        return True
    if types.is_integer_dtype(dtype) or types.is_float_dtype(dtype):
        return False
    raise DataError(
        f"column {column.name!r} has type {dtype}: expected numbers, text, booleans or categories. "
        "Convert or exclude it."
    )


def _numbers(name: str, column: pd.Series) -> NDArray[np.float64]:
    """Return a column as finite numbers, NaN where a value is missing.

    Raises:
        DataError: If a value is no number, or not finite in float32.
    """
    is_categorical(column)  # refuses dates, which would pass as their nanoseconds
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    no_number = np.isnan(numbers) & column.notna().to_numpy()
    if no_number.any():
        value = column.iloc[int(no_number.argmax())]
        raise DataError(
            f"column {name!r} has the value {value!r}: expected a number, as in training."
        )
    too_large = np.abs(numbers) > _LARGEST_NUMBER
    if too_large.any():
        row = int(too_large.argmax())
        raise DataError(
            f"column {name!r} has the value {numbers[row]} in row {row}: expected finite numbers "
            f"up to {_LARGEST_NUMBER:.3g}. Correct it, or leave the cell empty."
        )
    return numbers


def _categories(column: pd.Series) -> tuple[tuple[str, ...], bool]:
    """Return the sorted categories of the training rows, and whether a value is missing there.

    Raises:
        DataError: If there are so many that the column looks like an identifier.
    """
    texts = category_texts(column)
    categories = tuple(sorted(texts.dropna().unique()))
    limit = min(MAXIMUM_CATEGORIES, max(FEW_CATEGORIES, len(texts) // 2))
    if len(categories) > limit:
        raise DataError(
            f"column {column.name!r} has {len(categories)} categories in {len(texts)} training "
            f"rows: expected at most {limit}. Exclude it if it is an identifier, else merge the "
            "rare ones."
        )
    return categories, bool(texts.isna().any())


def category_codes(
    column: pd.Series, categories: tuple[str, ...], *, missing_is_known: bool
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find the place of each value in ``categories``, one past the end where there is none.

    Args:
        column: Text, categories or booleans.
        categories: Sorted texts.
        missing_is_known: Whether a missing value is one that training had.

    Returns:
        Codes (rows,), and a mask (rows,) of the values that training did not have.
    """
    texts, known = category_texts(column), pd.Index(categories, dtype=object)
    if isinstance(texts.dtype, pd.CategoricalDtype):
        places = np.append(known.get_indexer(texts.cat.categories.astype(object)), -1)
        codes = places[texts.cat.codes].astype(np.int64)
    else:
        codes = known.get_indexer(pd.Index(texts)).astype(np.int64)
    unknown = codes < 0
    codes[unknown] = len(categories)
    if missing_is_known:
        unknown &= column.notna().to_numpy()
    return codes, unknown


def category_texts(column: pd.Series) -> pd.Series:
    """The values of a column of categories as texts.

    Args:
        column: Text, categories or booleans.

    Returns:
        Texts, missing where a value is.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):  # few texts, however many rows there are
        texts = column.cat.categories.astype(object).map(str)
        if texts.is_unique:
            return column.cat.rename_categories(list(texts))
    return column.astype(object).map(str, na_action="ignore")


def _mean_and_scale(numbers: NDArray[np.float64]) -> tuple[float, float]:
    # Rounding makes the deviation of a constant 0.1 tiny but not 0, and that of tiny numbers 0.
    is_constant = numbers.min() == numbers.max()
    return float(numbers.mean()), 1.0 if is_constant else float(numbers.std()) or 1.0


def _standardised(numbers: NDArray[np.number], mean: float, scale: float) -> NDArray[np.float32]:
    return ((numbers - mean) / scale).astype(np.float32)[:, None]


def _warn_of_unknown(column: pd.Series, unknown: NDArray[np.bool_], consequence: str) -> None:
    if unknown.any():
        counts = column[unknown].value_counts(dropna=False)
        values = ", ".join(f"{value!r} {count} times" for value, count in counts.iloc[:5].items())
        more = f" and {len(counts) - 5} more" if len(counts) > 5 else ""
        warnings.warn(
            f"column {column.name!r}: {unknown.sum()} of {len(column)} values were not in the "
            f"training rows ({values}{more}); {consequence}.",
            FairfactorWarning,
            stacklevel=3,
        )
