"""What scikit-learn users pass, as the data frames and groups of this package."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from fairfactor.errors import DataError, FairfactorWarning


def is_frame(X: object) -> bool:
    """Whether something is a data frame of pandas or Polars, by what it can do.

    Args:
        X: Anything.

    Returns:
        Whether its columns have names and types.
    """
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def read_inputs(estimator: Any, X: Any, *, reset: bool) -> pd.DataFrame:
    """Check inputs as scikit-learn does, and give every column a name and its own type.

    Columns of an array are called x0, x1, … as everywhere in scikit-learn. Missing values are left
    to the encoder.

    Args:
        estimator: Keeps, or has kept, the number and names of the features.
        X: A data frame, or numbers or objects of shape (rows, features).
        reset: Whether the estimator is being fitted.

    Returns:
        The columns, with the row numbers as index.
    """
    if not is_frame(X):
        array = validate_data(
            estimator, X, reset=reset, dtype=None, ensure_all_finite="allow-nan", copy=False
        )
        return _named(pd.DataFrame(array)).infer_objects()
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if not isinstance(X, pd.DataFrame):
        # Column by column: a way through Arrow would ask for another package.
        X = pd.DataFrame({name: np.asarray(X[name].to_numpy()) for name in X.columns})
    return _named(X.reset_index(drop=True))


def read_target(frame: pd.DataFrame, y: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Check a target and number its classes.

    Args:
        frame: The inputs of the same rows.
        y: A class for each row, of any type that sorts.

    Returns:
        The sorted classes, and the code of each row.

    Raises:
        DataError: If there is no target, or a single class.
    """
    if y is None:  # scikit-learn's checks look for these words
        raise DataError(
            "fit requires y to be passed, but the target y is None: give a class a row."
        )
    target = column_or_1d(y, warn=True)
    assert_all_finite(target, input_name="y")
    check_classification_targets(target)
    check_consistent_length(frame, target)
    classes, codes = np.unique(target, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"y has 1 class, {classes.tolist()[0]!r}: expected two classes or more.")
    return classes, codes.astype(np.int64)


def read_sensitive(sensitive_features: Any) -> Any:
    """Bring sensitive features of any form into one that `encode_groups` reads.

    Args:
        sensitive_features: A vector, a matrix with a column for each feature, a mapping from names
            to vectors, or a data frame.

    Returns:
        A vector, mapping or data frame.
    """
    if is_frame(sensitive_features) or isinstance(sensitive_features, dict):
        return sensitive_features
    if isinstance(sensitive_features, (list, tuple)):
        if not sensitive_features or not isinstance(sensitive_features[0], (list, tuple)):
            return sensitive_features
        sensitive_features = np.array(sensitive_features, dtype=object)
    if getattr(sensitive_features, "ndim", 1) == 2:
        return {str(place): column for place, column in enumerate(np.asarray(sensitive_features).T)}
    return sensitive_features


def warn_of_sensitive_inputs(frame: pd.DataFrame, sensitive_features: Any) -> None:
    """Warn if a sensitive feature is an input too, as far as names tell.

    Args:
        frame: The inputs.
        sensitive_features: What `read_sensitive` returned.
    """
    if isinstance(sensitive_features, dict):
        names = list(sensitive_features)
    else:
        only = [getattr(sensitive_features, "name", None)]
        names = list(getattr(sensitive_features, "columns", only))
    both = [repr(name) for name in names if name in frame.columns]
    if both:
        warnings.warn(
            f"X has the sensitive features {', '.join(both)}, so that the network decides by them "
            "too, and asks for them at prediction. Drop them from X unless that is meant.",
            FairfactorWarning,
            stacklevel=3,
        )


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Name the columns x0, x1, … if they only have numbers.

    Returns:
        The same rows.
    """
    if all(isinstance(name, str) for name in frame.columns):
        return frame
    return frame.set_axis([f"x{place}" for place in range(frame.shape[1])], axis=1)
