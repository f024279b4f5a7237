"""Features of many values, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError, DataError
from fairfactor.feature_extraction.extractor import FeatureExtractor
from fairfactor.features import evaluation_mode
from fairfactor.progress import OnCount, untold

BATCH_SIZE = 64


def extract(
    extractor: FeatureExtractor,
    values: Sequence[str],
    *,
    batch_size: int = BATCH_SIZE,
    on_rows: OnCount = untold,
) -> Tensor:
    """Features of every value, in their order.

    Args:
        extractor: What makes them.
        values: Values of the column that it reads.
        batch_size: Values in each batch.
        on_rows: Called after each batch, for a progress bar.

    Returns:
        float32, (values × width).

    Raises:
        ArgumentError: If the extractor gives another shape than its width.
        DataError: If a feature is not finite.
    """
    features = torch.empty(len(values), extractor.width)
    with evaluation_mode(extractor):
        for start in range(0, len(values), batch_size):
            batch = values[start : start + batch_size]
            made = extractor.features(batch)
            if made.shape != (len(batch), extractor.width):
                accepted = f"features of shape ({len(batch)}, {extractor.width})"
                raise ArgumentError("extractor", tuple(made.shape), accepted, "Look at its width.")
            finite = torch.isfinite(made).all(dim=1)
            if not bool(finite.all()):
                value = batch[int((~finite).nonzero()[0])]
                raise DataError(
                    f"{extractor.column} {value!r:.80} has features that are not finite numbers. "
                    "Leave it out, or check the weights of the network."
                )
            features[start : start + len(batch)] = made
            on_rows(start + len(batch), len(values))
    return features
