"""The groups of a study, whose gaps must be defined."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np

from fairfactor.data.task import TableTask
from fairfactor.errors import DataError, FairfactorWarning
from fairfactor.groups import EXCLUDED, MERGED_NAME, Groups, encode_groups


def task_groups(task: TableTask, minimum_size: int) -> Groups:
    """Give every row of a table its group, with small groups merged into one.

    If even the merged group lacks a class, its rows belong to no group: they are learned from and
    counted in no gap, and a ``FairfactorWarning`` says so.

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
        encode = partial(encode_groups, task.sensitive_features, minimum_size=minimum_size)
        groups = encode(small_groups="merge")
        too_few = MERGED_NAME in groups.names and _missing_class(task, groups, MERGED_NAME)
        if too_few and len(groups.names) > 1:
            groups = encode(small_groups="exclude")
    left_out = int((groups.codes == EXCLUDED).sum())
    if left_out:
        warnings.warn(
            f"{left_out:,} rows of groups with fewer than {minimum_size} rows are too few to "
            "measure a gap even together: they are learned from, and counted in no gap.",
            FairfactorWarning,
            stacklevel=2,
        )
    if len(groups.names) < 2:
        raise DataError(
            f"sensitive={','.join(task.sensitive_columns)} gives the single group "
            f"{groups.names[0]!r}: a gap needs two. Choose another sensitive feature, or lower "
            f"minimum_group_size={minimum_size}."
        )
    for group in groups.names:
        label = _missing_class(task, groups, group)
        if label is not None:
            raise DataError(
                f"group {group!r} has no rows of class {label!r}, so its true or false "
                "positive rate is undefined. Merge small groups with --minimum-group-size, "
                "or choose other sensitive features."
            )
    return groups


def _missing_class(task: TableTask, groups: Groups, group: str) -> str | None:
    """A class of which a group has no row, if there is one."""
    present = np.unique(task.labels[groups.positions(group)])
    absent = (label for code, label in enumerate(task.class_names) if code not in present)
    return next(absent, None)
