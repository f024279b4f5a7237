"""A target of numbers as classes, only if the user asks for it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fairfactor.data.columns import is_categorical
from fairfactor.errors import ArgumentError, DataError


def binned(
    column: pd.Series, *, bins: int | None = None, threshold: float | None = None
) -> pd.Series:
    """Cut numbers into classes; the highest numbers are the last class.

    The edges say what the question is, so they come from all rows, and not from training rows.

    Args:
        column: The target.
        bins: Number of classes of about the same size, cut at quantiles.
        threshold: The highest number of the lower of two classes.

    Returns:
        An ordered pandas categorical; the column as it is if neither is asked for.

    Raises:
        ArgumentError: If both are asked for, or ``bins`` is less than 2.
        DataError: If the column is not one of numbers, or does not have as many classes.
    """
    if bins is None and threshold is None:
        return column
    name = column.name
    if bins is not None and threshold is not None:
        raise ArgumentError(
            "bins", bins, f"nothing beside threshold={threshold:g}", "Leave it out."
        )
    if is_categorical(column):
        raise DataError(
            f"target {name!r} holds categories, and --bins and --threshold cut numbers. Leave them "
            "out."
        )
    numbers = column.to_numpy(dtype=np.float64)
    if threshold is not None:
        edges = [threshold]
        if not numbers.min() <= threshold < numbers.max():
            raise DataError(
                f"threshold={threshold:g} leaves one class of target {name!r}, which goes from "
                f"{numbers.min():g} to {numbers.max():g}. Choose a threshold between them."
            )
    else:
        assert bins is not None
        if bins < 2:
            raise ArgumentError("bins", bins, "2 or more classes")
        quantiles = np.quantile(numbers, np.linspace(0, 1, bins + 1)[1:-1], method="lower")
        edges = [float(edge) for edge in np.unique(quantiles) if edge < numbers.max()]
        if len(edges) < bins - 1:
            raise DataError(
                f"bins={bins} is too many for target {name!r}: many of its numbers are equal, so "
                f"that {len(edges) + 1} classes remain. Use --threshold or fewer --bins."
            )
    labels = [f"up to {edge:g}" for edge in edges] + [f"above {edges[-1]:g}"]
    if len(set(labels)) < len(labels):
        labels = [f"up to {edge!r}" for edge in edges] + [f"above {edges[-1]!r}"]
    places = np.searchsorted(np.array(edges), numbers, side="left")
    classes = pd.Categorical.from_codes(places.tolist(), categories=pd.Index(labels), ordered=True)
    return pd.Series(classes, index=column.index, name=name)
