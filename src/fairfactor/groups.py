"""Turn raw sensitive features into the group codes that every other module counts with."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fairfactor.errors import ArgumentError, DataError, FairfactorWarning

EXCLUDED = -1
"""Code of a row that belongs to no group and is counted nowhere."""

INTERSECTION = " × "
MISSING_NAME = "missing"
MERGED_NAME = "other (small groups)"

SmallGroupPolicy = Literal["keep", "merge", "exclude", "refuse"]
MissingPolicy = Literal["group", "exclude"]


@dataclass(frozen=True, eq=False)
class Groups:
    """The group of every row.

    Attributes:
        codes: (rows,) int64, read-only: position in ``names``, or -1 for an excluded row.
        names: (groups,) distinct names; a group may have no row here.
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the codes against the names and freeze a copy of them.

        Raises:
            ArgumentError: If the codes are not a vector of integers in -1..groups-1, or if names
                repeat.
        """
        codes, names = np.asarray(self.codes), tuple(self.names)
        if codes.ndim != 1 or codes.dtype.kind not in "iu":
            raise ArgumentError("codes", self.codes, "a 1-D array of integers")
        if len(set(names)) != len(names):
            raise ArgumentError("names", names, "distinct names")
        outside = codes[(codes < EXCLUDED) | (codes >= len(names))]
        if outside.size:
            raise ArgumentError("codes", int(outside[0]), f"codes from -1 to {len(names) - 1}")
        codes = codes.astype(np.int64)
        codes.setflags(write=False)
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "names", names)

    def __len__(self) -> int:
        """Return the number of rows, excluded ones included."""
        return len(self.codes)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(groups,) number of rows of each group."""
        return np.bincount(self.codes + 1, minlength=len(self.names) + 1)[1:]

    def positions(self, name: str) -> NDArray[np.int64]:
        """Find the rows of one group.

        Args:
            name: One of ``names``.

        Returns:
            (rows of the group,) ascending row positions.

        Raises:
            ArgumentError: If there is no group of that name.
        """
        if name not in self.names:
            raise ArgumentError("name", name, f"one of {_listing(self.names)}")
        return np.flatnonzero(self.codes == self.names.index(name))


def encode_groups(
    sensitive_features: Iterable[object] | Mapping[str, Iterable[object]],
    *,
    minimum_size: int = 30,
    small_groups: SmallGroupPolicy = "keep",
    missing: MissingPolicy = "group",
    names: Sequence[str] | None = None,
) -> Groups:
    """Give every row the code of its group; several features give their intersections.

    A group's name is its label as text (``1.0`` reads "1", outer spaces are dropped), joined over
    features with " × " in the order of the features: "Female × Black". Codes follow the sorted
    names.

    With ``names``, the groups of earlier data are applied to new rows and no group is added. A
    group that is not listed had too few rows in the earlier data, possibly none, so
    ``small_groups`` says what becomes of it.

    Args:
        sensitive_features: One label per row, or a mapping (or data frame) from feature name to
            such labels.
        minimum_size: A group with fewer rows is small. Small groups among the result are named in
            a warning; 0 turns it off.
        small_groups: "keep" them; "merge" them into "other (small groups)"; "exclude" their rows;
            or "refuse" the data. With ``names``, an unlisted group is merged or excluded in the
            same way; for "keep" and "refuse" it is an error.
        missing: None, NaN and empty labels read "missing" ("group") or exclude the row ("exclude").
        names: Group names of earlier data, in their order.

    Returns:
        The groups, one code per row.

    Raises:
        ArgumentError: If an option is not one of those above.
        DataError: If there are no rows, features differ in length, a label is not a scalar, a
            small or unknown group is refused, or every row is excluded.
    """
    if small_groups not in get_args(SmallGroupPolicy):
        raise ArgumentError("small_groups", small_groups, f"one of {get_args(SmallGroupPolicy)}")
    if missing not in get_args(MissingPolicy):
        raise ArgumentError("missing", missing, f"one of {get_args(MissingPolicy)}")
    if minimum_size < 0:
        raise ArgumentError("minimum_size", minimum_size, "a number of rows, 0 or more")

    row_names = _row_names(_columns(sensitive_features), missing)
    sizes = Counter(name for name in row_names if name is not None)
    if names is None:
        group_of = _settle_small(sizes, minimum_size, small_groups)
        names = sorted(set(group_of.values()))
    else:
        group_of = _settle_unlisted(sizes, names, small_groups)

    code_of = {name: names.index(group) for name, group in group_of.items()}
    codes = [EXCLUDED if name is None else code_of.get(name, EXCLUDED) for name in row_names]
    groups = Groups(np.array(codes), tuple(names))
    if not groups.counts.any():
        raise DataError(
            f"all {len(groups)} rows of sensitive_features are excluded: pass missing='group', "
            "small_groups='keep' or other names."
        )
    _warn_of_small(groups, minimum_size)
    return groups


def _settle_small(
    sizes: Mapping[str, int], minimum_size: int, policy: SmallGroupPolicy
) -> dict[str, str]:
    """Return the group of every name, except of the names to exclude.

    Raises:
        DataError: If the policy refuses small groups and there is one.
    """
    small = {name: size for name, size in sorted(sizes.items()) if size < minimum_size}
    if small and policy == "refuse":
        raise DataError(
            f"sensitive_features has groups of fewer than minimum_size={minimum_size} rows, "
            f"{_listing(small, small)}: lower minimum_size or pass small_groups='merge'."
        )
    if policy == "keep":
        return {name: name for name in sizes}
    large = {name: name for name in sizes if name not in small}
    return large | dict.fromkeys(small, MERGED_NAME) if policy == "merge" else large


def _settle_unlisted(
    sizes: Mapping[str, int], names: Sequence[str], policy: SmallGroupPolicy
) -> dict[str, str]:
    """Return the listed group of every name, except of the names to exclude.

    Raises:
        DataError: If a name is unlisted and the policy has no place for it.
    """
    listed = {name: name for name in names}
    unlisted = sorted(sizes.keys() - listed.keys())
    if policy == "merge" and MERGED_NAME in listed:
        return listed | dict.fromkeys(unlisted, MERGED_NAME)
    if unlisted and policy != "exclude":
        raise DataError(
            f"sensitive_features has unknown groups, {_listing(unlisted)}: expected "
            f"{_listing(names)}. Pass small_groups='exclude' to leave their rows out."
        )
    return listed


def _columns(
    sensitive_features: Iterable[object] | Mapping[str, Iterable[object]],
) -> list[list[str | None]]:
    """Return one list of labels per feature, all equally long; None is a missing label.

    Raises:
        DataError: If there are no rows or features differ in length.
    """
    if isinstance(sensitive_features, Mapping):
        features = dict(sensitive_features)
    elif (feature_names := getattr(sensitive_features, "columns", None)) is not None:
        features = {str(name): sensitive_features[name] for name in feature_names}  # type: ignore[index]
    else:
        features = {"sensitive_features": sensitive_features}

    columns = {feature: _labels(feature, column) for feature, column in features.items()}
    lengths = {feature: len(labels) for feature, labels in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(
            f"sensitive features differ in their number of rows, {lengths}: align them."
        )
    if not any(lengths.values()):
        raise DataError("sensitive_features has no rows: pass one label per row.")
    return list(columns.values())


def _labels(feature: str, column: Iterable[object]) -> list[str | None]:
    """Return the labels of one feature as text; None is a missing label.

    Raises:
        DataError: If the feature is not one scalar per row.
    """
    # Arrays list themselves: going through NumPy would turn ["a", nan] into ["a", "nan"].
    to_list = getattr(column, "tolist", None)
    values = to_list() if callable(to_list) else column
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise DataError(f"sensitive feature '{feature}' is one value: pass one label per row.")
    values = list(values)
    if any(isinstance(value, (list, tuple, Mapping, np.ndarray)) for value in values):
        raise DataError(
            f"sensitive feature '{feature}' has several values in a row: "
            "pass a mapping with one entry per feature."
        )
    return [_label(value) for value in values]


def _label(value: object) -> str | None:
    """Return a label as text; None if it is missing."""
    if _is_missing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of integers reads as floats once a value is missing
    return str(value).strip() or None


def _is_missing(value: object) -> bool:
    """Return whether a label is None, or NaN, NaT or pandas.NA, which differ from themselves."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA is neither true nor false
        return True


def _row_names(columns: list[list[str | None]], missing: MissingPolicy) -> list[str | None]:
    """Return the joined labels of every row; None excludes the row."""
    return [
        None
        if missing == "exclude" and None in labels
        else INTERSECTION.join(MISSING_NAME if label is None else label for label in labels)
        for labels in zip(*columns, strict=True)
    ]


def _warn_of_small(groups: Groups, minimum_size: int) -> None:
    sizes = dict(zip(groups.names, groups.counts.tolist(), strict=True))
    small = {name: size for name, size in sizes.items() if 0 < size < minimum_size}
    if small:
        warnings.warn(
            f"groups of fewer than {minimum_size} rows have uncertain rates, "
            f"{_listing(small, small)}: read their intervals or pass small_groups='merge'.",
            FairfactorWarning,
            stacklevel=3,
        )


def _listing(names: Iterable[str], sizes: Mapping[str, int] | None = None, limit: int = 8) -> str:
    """Return the names, and their sizes if given, on one line: the first few of many."""
    shown = [f"'{name}' (n={sizes[name]})" if sizes else f"'{name}'" for name in names]
    more = f" and {len(shown) - limit} more" if len(shown) > limit else ""
    return ", ".join(shown[:limit]) + more
