"""The groups of each sensitive feature alone, beside those of their intersections."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from fairfactor.data.task import TableTask
from fairfactor.errors import FairfactorWarning
from fairfactor.groups import Groups, encode_groups


def feature_groups(task: TableTask, rows: NDArray[np.int64]) -> dict[str, Groups]:
    """Give some rows their group by each sensitive feature alone.

    Args:
        task: The table.
        rows: Row positions.

    Returns:
        By the name of the feature; empty for a single one, whose groups are the groups of the
        study.
    """
    columns = task.sensitive_features
    if len(columns.columns) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairfactorWarning)  # small groups are flagged on the page
        encoded = {name: encode_groups(columns[name]) for name in task.sensitive_columns}
    return {name: Groups(groups.codes[rows], groups.names) for name, groups in encoded.items()}
