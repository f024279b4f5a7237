"""The groups of a study, whose gaps must be defined."""

from __future__ import annotations

import warnings

import numpy as np

from fairfactor.data.task import TableTask
from fairfactor.errors import DataError, FairfactorWarning
from fairfactor.groups import Groups, encode_groups


def task_groups(task: TableTask, minimum_size: int) -> Groups:
    """Give every row of a table its group, with small groups merged into one.

    Args:
        task: The table.
        minimum_size: Groups with fewer rows are merged.

    Returns:
        Two groups or more, each with rows of every class.

    Raises:
        DataError: If a gap is undefined: there is a single group, or one has no rows of a class.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairfactorWarning)  # small groups become a finding
        groups = encode_groups(
            task.sensitive_features, minimum_size=minimum_size, small_groups="merge"
        )
    if len(groups.names) < 2:
        raise DataError(
            f"sensitive={','.join(task.sensitive_columns)} gives the single group "
            f"{groups.names[0]!r}: a gap needs two. Choose another sensitive feature, or lower "
            f"minimum_group_size={minimum_size}."
        )
    labels = task.labels
    for group in groups.names:
        present = np.unique(labels[groups.positions(group)])
        for code, label in enumerate(task.class_names):
            if code not in present:
                raise DataError(
                    f"group {group!r} has no rows of class {label!r}, so its true or false "
                    "positive rate is undefined. Merge small groups with --minimum-group-size, "
                    "or choose other sensitive features."
                )
    return groups
