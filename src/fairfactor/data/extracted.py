"""A table of texts or images as a table of the features that a pre-trained network sees in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.data.request import DataRequest
from fairfactor.data.task import TableTask, require_columns
from fairfactor.errors import ArgumentError
from fairfactor.feature_extraction import FeatureCache, FeatureExtractor, extract
from fairfactor.progress import OnCount, untold


def extracted_task(
    frame: pd.DataFrame,
    extractor: FeatureExtractor,
    request: DataRequest,
    *,
    target: str | None = None,
    positive: str | None = None,
    together: NDArray[np.int64] | None = None,
) -> TableTask:
    """Compute the features of one column and take them as the only inputs.

    Args:
        frame: One row per text or image, with the columns that the request names.
        extractor: What makes the features.
        request: What is asked for: sensitive columns, target, positive class, column of published
            parts, where features are kept.
        target: The column to predict unless the request names another.
        positive: The favourable class of that target.
        together: Unit of each row, as in `TableTask`.

    Returns:
        The task, which keeps the extractor for predictions.

    Raises:
        ArgumentError: If no target is named.
    """
    if request.target is not None and request.target != target:
        target, positive = request.target, None
    if target is None:
        raise ArgumentError("target", target, "the column to predict")
    names = list(dict.fromkeys((target, *request.beside_target)))
    require_columns(frame.columns, (extractor.column, *names))
    named = frame[names].reset_index(drop=True)
    made = feature_table(extractor, frame, cache=request.feature_cache, on_rows=request.on_rows)
    return TableTask(
        pd.concat([made, named], axis=1),
        target=target,
        sensitive_columns=request.sensitive,
        positive_label=request.positive or positive,
        extractor=extractor,
        together=together,
        parts_column=request.parts,
    )


def feature_table(
    extractor: FeatureExtractor,
    frame: pd.DataFrame,
    *,
    cache: Path | None = None,
    on_rows: OnCount = untold,
) -> pd.DataFrame:
    """Compute the features of one column.

    Args:
        extractor: What makes them.
        frame: Rows with the column that it reads.
        cache: Folder in which features are kept; ``None`` keeps none.
        on_rows: Called while features are computed.

    Returns:
        A column for each feature, in the order of the rows, numbered anew.
    """
    require_columns(frame.columns, (extractor.column,))
    values = [str(value) for value in frame[extractor.column]]
    if cache is None:
        features = extract(extractor, values, on_rows=on_rows)
    else:
        features = FeatureCache(cache).features(extractor, values, on_rows=on_rows)
    return pd.DataFrame(features.numpy(), columns=list(extractor.feature_names))
