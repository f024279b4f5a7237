"""Which texts say nearly the same, so that no part of a split knows what another one asks."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fairfactor.errors import ArgumentError, FairfactorWarning

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SHINGLE = 3
MOST_COMPARED = 200_000
_LARGEST_UNIT = 0.1
_BLOCK = 2048
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")


def duplicate_clusters(texts: Sequence[str], *, similarity: float = 0.6) -> NDArray[np.int64]:
    """Join texts i, j with |S_i ∩ S_j| / |S_i ∪ S_j| ≥ similarity, and what is joined to them.

    S_i are the runs of three words of a text (Broder 1997, "On the resemblance and containment of
    documents"), in lower case, without punctuation, every number the same. The intersections are
    exact: a sparse product of texts × runs, a block of rows at a time.

    Args:
        texts: The texts.
        similarity: The Jaccard similarity from which two texts are near-duplicates, in (0, 1].

    Returns:
        Number of the cluster of each text, shape (texts,), in the order of first appearance.

    Raises:
        ArgumentError: If the similarity is outside of its range.
    """
    from scipy.sparse import coo_array  # here, as it takes the command line long to start with
    from scipy.sparse.csgraph import connected_components

    if not 0 < similarity <= 1:
        raise ArgumentError("similarity", similarity, "a number above 0, up to 1")
    distinct: dict[frozenset[tuple[str, ...]], int] = {}
    kinds = np.array([distinct.setdefault(shingles(text), len(distinct)) for text in texts], int)
    if not len(kinds):
        return kinds
    present = _presence(list(distinct))
    sizes = present.sum(axis=1)
    rows, columns = [], []
    for start in range(0, present.shape[0], _BLOCK):
        common = (present[start : start + _BLOCK] @ present.T).tocoo()
        union = sizes[start + common.row] + sizes[common.col] - common.data
        alike = common.data >= similarity * union
        rows.append(start + common.row[alike])
        columns.append(common.col[alike])
    pairs = (np.concatenate(rows), np.concatenate(columns))
    graph = coo_array((np.ones(len(pairs[0]), bool), pairs), shape=(len(sizes), len(sizes)))
    clusters = connected_components(graph, directed=False)[1][kinds]
    # Numbered as they appear, whatever the library does.
    _, first, codes = np.unique(clusters, return_index=True, return_inverse=True)
    numbers: NDArray[np.int64] = np.argsort(np.argsort(first))[codes].astype(np.int64)
    return numbers


def units_of_texts(texts: Sequence[str]) -> NDArray[np.int64]:
    """Number of the unit of each text that no split parts: near-duplicates belong together.

    Where that would put more than a tenth of all texts into one unit, as with texts made from a
    template, and in tables of more than `MOST_COMPARED` texts, only those with the same runs of
    words do.

    Args:
        texts: The texts.

    Returns:
        Shape (texts,).

    Warns:
        FairfactorWarning: If near-duplicates may be in different parts.
    """
    if len(texts) <= MOST_COMPARED:
        units = duplicate_clusters(texts)
        if np.bincount(units, minlength=1).max() <= max(2, _LARGEST_UNIT * len(texts)):
            return units
        warnings.warn(
            "many texts are nearly the same, as if made from a template: only equal ones are kept "
            "in the same part of a split.",
            FairfactorWarning,
            stacklevel=2,
        )
    return duplicate_clusters(texts, similarity=1.0)


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """The runs of three words of a text; of a shorter one, all of its words as one run.

    Args:
        text: The text.

    Returns:
        The different runs.
    """
    words = _WORD.findall(_NUMBER.sub("0", text.lower()))
    if len(words) < SHINGLE:
        return frozenset({tuple(words)})
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def _presence(sets: Sequence[frozenset[tuple[str, ...]]]) -> csr_array:
    """Which text has which run, (texts × runs), 0 or 1."""
    from scipy.sparse import csr_array

    numbers: dict[tuple[str, ...], int] = {}
    columns = [numbers.setdefault(run, len(numbers)) for runs in sets for run in runs]
    ends = np.cumsum([0, *map(len, sets)])
    ones = np.ones(len(columns), dtype=np.int32)
    return csr_array((ones, columns, ends), shape=(len(sets), len(numbers)))
