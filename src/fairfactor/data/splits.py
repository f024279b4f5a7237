"""Disjoint parts of a table, by seed: of any proportions, of published protocols, as published."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairfactor.errors import ArgumentError, DataError

RowParts = dict[str, NDArray[np.int64]]

_PUBLISHED_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
"""What the parts are called in published data."""

_NEW_TASK_SHARE = 0.4
TABLE_1 = {
    "adult": {"train": 12_287, "validation": 5_000, "test": 10_315},
    "lfw+a": {"train": 6_885, "validation": 1_000, "test": 5_258},
    "celeba": {"train": 190_599, "validation": 4_000, "test": 8_000},
}
"""Sizes of the parts in the paper (arXiv 2403.00625, Table 1). It has 194,599 rows to train on for
CelebA, which with the 8,000 to test on is all of it: the 4,000 to validate on are taken from them.
"""


def split_rows(
    rows: int,
    proportions: Mapping[str, float],
    *,
    seed: int,
    stratify: ArrayLike | None = None,
    together: ArrayLike | None = None,
    published: ArrayLike | None = None,
) -> RowParts:
    """Split row positions 0..rows-1 at random into parts of given proportions.

    Sizes are those of largest remainders. The rows of one stratum stand together in a random order
    and are dealt to the parts in turn, so the totals are exact and every stratum, however small,
    has each part's proportion up to a few rows. With ``together``, its units are dealt instead,
    each in the stratum of its first row: their numbers are exact then, and those of the rows as
    near as units of different sizes allow.

    Args:
        rows: Number of rows to split.
        proportions: Share of each part by name, with sum 1.
        seed: The same seed gives the same parts.
        stratify: Label of each row, shape (rows,), for parts that have the labels in equal shares.
        together: Unit of each row, shape (rows,), such as a person with several photographs: no
            unit is in two parts.
        published: Part of each row as published, shape (rows,): train, validation or test. Rows to
            validate and to test on stay so, whatever the seed, and those to train on are dealt to
            the other parts in their proportions. Without rows to test on, as some data sets are
            published, those to validate on are tested on.

    Returns:
        Ascending row positions of each part. The parts are disjoint and cover every row.

    Raises:
        ArgumentError: If the shares are not positive with sum 1, or there are not ``rows`` labels,
            units or published parts.
        DataError: If there are too few rows to give each part one.
    """
    if published is not None:
        return _split_published(rows, proportions, published, seed, stratify, together)
    shares = np.array(list(proportions.values()), dtype=np.float64)
    if not (shares > 0).all() or not isclose(shares.sum(), 1, abs_tol=1e-9):
        raise ArgumentError("proportions", dict(proportions), "positive numbers with sum 1")
    if together is not None:
        return _split_units(rows, proportions, np.asarray(together), seed, stratify)
    sizes = _largest_remainders(rows * shares)
    if not sizes.all():
        name = list(proportions)[int(sizes.argmin())]
        raise DataError(f"{rows} rows are too few: expected one or more for the part {name!r}.")

    generator = np.random.default_rng(seed)
    strata = np.zeros(rows, dtype=np.int64)
    if stratify is not None:
        labels = np.asarray(stratify)
        if labels.shape != (rows,):
            raise ArgumentError("stratify", labels.shape, f"labels of shape ({rows},)")
        labels_seen, codes = np.unique(labels, return_inverse=True)
        strata = generator.permutation(len(labels_seen))[codes]
    order = np.lexsort((generator.random(rows), strata))

    # Part k has its turns at the times (j + 1/2) / size_k: evenly spread, for all parts at once.
    turns = np.concatenate([(np.arange(size) + 0.5) / size for size in sizes])
    part_of_turn = np.repeat(np.arange(len(sizes)), sizes)[np.argsort(turns, kind="stable")]
    part_of_row = np.empty(rows, dtype=np.int64)
    part_of_row[order] = part_of_turn
    return {name: np.flatnonzero(part_of_row == part) for part, name in enumerate(proportions)}


def _split_units(
    rows: int,
    proportions: Mapping[str, float],
    together: NDArray[np.generic],
    seed: int,
    stratify: ArrayLike | None,
) -> RowParts:
    """Split the units that rows belong to.

    Returns:
        The rows of each part's units.

    Raises:
        ArgumentError: If there are not as many units as rows.
    """
    if together.shape != (rows,):
        raise ArgumentError("together", together.shape, f"units of shape ({rows},)")
    _, first, unit = np.unique(together, return_index=True, return_inverse=True)
    strata = None if stratify is None else np.asarray(stratify)[first]
    parts = split_rows(len(first), proportions, seed=seed, stratify=strata)
    return {name: np.flatnonzero(np.isin(unit, units)) for name, units in parts.items()}


def _split_published(
    rows: int,
    proportions: Mapping[str, float],
    published: ArrayLike,
    seed: int,
    stratify: ArrayLike | None,
    together: ArrayLike | None,
) -> RowParts:
    """Keep the published parts, and deal the rows to train on to the parts that have none.

    Returns:
        Row positions of each part.

    Raises:
        ArgumentError: If there are not as many published parts as rows.
    """
    marks = _published_parts(published)
    if marks.shape != (rows,):
        raise ArgumentError("published", marks.shape, f"the part of each row, shape ({rows},)")
    kept = {name: np.flatnonzero(marks == name) for name in np.unique(marks) if name != "train"}
    left = {name: share for name, share in proportions.items() if name not in kept}
    rest = np.flatnonzero(marks == "train")
    dealt = split_rows(
        len(rest),
        {name: share / sum(left.values()) for name, share in left.items()},
        seed=seed,
        stratify=None if stratify is None else np.asarray(stratify)[rest],
        together=None if together is None else np.asarray(together)[rest],
    )
    found = {name: rest[positions] for name, positions in dealt.items()} | kept
    return {name: found[name] for name in proportions}


def _published_parts(published: ArrayLike) -> NDArray[np.str_]:
    """Read published parts under our names.

    Returns:
        ``"train"``, ``"validation"`` or ``"test"`` of each row, the last at least once.

    Raises:
        DataError: If a part has another name, or there is none to test on.
    """
    known = {name: part for part, names in _PUBLISHED_NAMES.items() for name in names}
    found, codes = np.unique(np.asarray(published, dtype=object).astype(str), return_inverse=True)
    for name in found:
        if name.strip().lower() not in known:
            raise DataError(
                f"the published part {str(name)!r} is unknown: expected train, validation or test."
            )
    parts = np.array([known[name.strip().lower()] for name in found])
    if "test" not in parts:
        parts[parts == "validation"] = "test"
    if "test" not in parts:
        raise DataError("no row is published to test on: expected the part test or validation.")
    return parts[codes]


def paper_split(
    rows: int,
    *,
    seed: int,
    together: ArrayLike | None = None,
    published: ArrayLike | None = None,
) -> RowParts:
    """Split as in the paper: 60 % pre-train, 40 % are the new task.

    The new task is split 12,287 : 5,000 : 10,315 (`TABLE_1`). Those are proportions here because
    they do not sum to 40 % of Adult's rows, complete or all.

    Args:
        rows: Number of rows.
        seed: The same seed gives the same parts.
        together: As in `split_rows`.
        published: As in `split_rows`.

    Returns:
        Parts ``pretraining``, ``train``, ``validation`` and ``test``.
    """
    new_task = {name: _NEW_TASK_SHARE * share for name, share in _table_1_shares("adult").items()}
    proportions = {"pretraining": 1 - _NEW_TASK_SHARE} | new_task
    return split_rows(rows, proportions, seed=seed, together=together, published=published)


def table_1_split(
    data: str, rows: int, *, seed: int, together: ArrayLike | None = None
) -> RowParts:
    """Split into parts of the paper's sizes, or of those proportions if there are other rows.

    Args:
        data: A name in `TABLE_1`.
        rows: Number of rows; those of the whole release give the sizes exactly.
        seed: The same seed gives the same parts.
        together: As in `split_rows`.

    Returns:
        Parts ``train``, ``validation`` and ``test``.

    Raises:
        ArgumentError: If the paper has no sizes for this data set.
    """
    if data not in TABLE_1:
        raise ArgumentError("data", data, f"one of {', '.join(TABLE_1)}")
    return split_rows(rows, _table_1_shares(data), seed=seed, together=together)


def _table_1_shares(data: str) -> dict[str, float]:
    """Share of each part."""
    sizes = TABLE_1[data]
    return {name: size / sum(sizes.values()) for name, size in sizes.items()}


def benchmark_split(
    labels: ArrayLike,
    *,
    seed: int,
    together: ArrayLike | None = None,
    published: ArrayLike | None = None,
) -> RowParts:
    """Split as the Fair Fairness Benchmark does: 40 / 30 / 30 %, stratified on the label.

    Args:
        labels: Class of each row, shape (rows,).
        seed: The same seed gives the same parts.
        together: As in `split_rows`.
        published: As in `split_rows`.

    Returns:
        Parts ``train``, ``validation`` and ``test``.
    """
    labels = np.asarray(labels)
    proportions = {"train": 0.4, "validation": 0.3, "test": 0.3}
    return split_rows(
        len(labels),
        proportions,
        seed=seed,
        stratify=labels,
        together=together,
        published=published,
    )


def _largest_remainders(quotas: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return quotas as integers of the same sum: down, and up where the most is lost."""
    sizes = np.floor(quotas).astype(np.int64)
    left = round(quotas.sum()) - int(sizes.sum())
    sizes[np.argsort(sizes - quotas, kind="stable")[:left]] += 1
    return sizes
