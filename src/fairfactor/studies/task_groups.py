"""The groups of a study, whose gaps must be defined."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

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
        Two groups or more, each with rows of every class; `comparable_groups` has the errors.
    """
    return comparable_groups(
        task.sensitive_features,
        task.labels,
        task.class_names,
        minimum_size=minimum_size,
        described=f"sensitive={','.join(task.sensitive_columns)}",
    )


def comparable_groups(
    sensitive_features: Iterable[object] | Mapping[str, Iterable[object]],
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    *,
    minimum_size: int,
    described: str = "sensitive_features",
) -> Groups:
    """Give every row its group, with small groups merged into one, and check that gaps are defined.

    Args:
        sensitive_features: As in `encode_groups`.
        labels: Class codes, (rows,).
        class_names: Name of each class.
        minimum_size: Groups with fewer rows are merged.
        described: What the user calls the sensitive features, for the text of an error.

    Returns:
        Two groups or more, each with rows of every class.

    Raises:
        DataError: If a gap is undefined: there is a single group, or one has no rows of a class.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairfactorWarning)  # small groups become a finding
        encode = partial(encode_groups, sensitive_features, minimum_size=minimum_size)
        groups = encode(small_groups="merge")
        if len(groups) != len(labels):
            raise DataError(
                f"{described} has {len(groups)} rows, but there are {len(labels)} labels: align "
                "them."
            )
        too_few = MERGED_NAME in groups.names and _missing_class(
            labels, class_names, groups, MERGED_NAME
        )
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
            f"{described} gives the single group {groups.names[0]!r}: a gap needs two. Choose "
            f"another sensitive feature, or lower minimum_group_size={minimum_size}."
        )
    for group in groups.names:
        label = _missing_class(labels, class_names, groups, group)
        if label is not None:
            raise DataError(
                f"group {group!r} has no rows of class {label!r}, so its true or false "
                "positive rate is undefined. Merge small groups with minimum_group_size "
                f"(now {minimum_size}), or choose other sensitive features."
            )
    return groups


def _missing_class(
    labels: NDArray[np.int64], class_names: Sequence[str], groups: Groups, group: str
) -> str | None:
    """A class of which a group has no row, if there is one."""
    present = np.unique(labels[groups.positions(group)])
    absent = (label for code, label in enumerate(class_names) if code not in present)
    return next(absent, None)
