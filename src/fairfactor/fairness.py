"""Every fairness number, computed from one small table: the confusion counts of each group.

Counts add up over batches, so a group that a batch misses needs no care. Rates and gaps are
fractions in [0, 1] (the sum of two gaps in [0, 2]); only ``paper_error`` is in percent.

Conventions shared by all gaps:

* Several groups: the largest pairwise difference, which is the largest rate minus the smallest.
* Two classes: class 1 is the positive class. More classes: each class in turn is the positive
  class, the rest negative, and the gap is the largest over classes.
* A group without rows to estimate a rate from has the rate NaN, never 0, and is left out of that
  gap; with fewer than two groups left, the gap is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from fairfactor.distributed import ALONE, Processes
from fairfactor.errors import ArgumentError, DataError
from fairfactor.groups import EXCLUDED, Groups

Counts: TypeAlias = NDArray[np.int64]
Array: TypeAlias = NDArray[np.float64]
FairnessMetrics: TypeAlias = dict[str, float]
Aggregation = Literal["worst_case", "mean", "sum"]

_MOST_CODES = 4096  # without a limit, row numbers passed as classes would exhaust the memory


@dataclass(frozen=True, eq=False)
class ConfusionCounts:
    """How often each group's class t was predicted as class p.

    Leading axes, if any, are replicates: every rate and every metric is computed for each of them.

    Attributes:
        cells: (..., groups, classes, classes) int64 rows by group, true class, predicted class.
        group_names: (groups,) names.
    """

    cells: Counts
    group_names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that the shape is that of groups × classes × classes.

        Raises:
            ArgumentError: If it is not.
        """
        n_groups = len(self.group_names)
        if self.cells.shape[-3:] != (n_groups, self.n_classes, self.n_classes):
            accepted = f"shape (..., {n_groups} groups, classes, classes)"
            raise ArgumentError("cells", self.cells.shape, accepted)

    def __add__(self, other: ConfusionCounts) -> ConfusionCounts:
        """Pool two batches.

        Args:
            other: Counts of the same groups and classes.

        Returns:
            Their sum.

        Raises:
            ArgumentError: If groups or classes differ.
        """
        if (self.group_names, self.n_classes) != (other.group_names, other.n_classes):
            accepted = f"groups {self.group_names} and {self.n_classes} classes"
            raise ArgumentError("other", (other.group_names, other.n_classes), accepted)
        return ConfusionCounts(self.cells + other.cells, self.group_names)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.cells.shape[-1])

    @property
    def sizes(self) -> Counts:
        """(..., groups) rows of each group."""
        return _sum(self.cells, (-2, -1))

    @property
    def actual(self) -> Counts:
        """(..., groups, classes) rows of each class."""
        return _sum(self.cells, -1)

    @property
    def predicted(self) -> Counts:
        """(..., groups, classes) rows predicted as each class."""
        return _sum(self.cells, -2)

    @property
    def correct(self) -> Counts:
        """(..., groups, classes) rows of each class predicted as that class."""
        return self.cells.diagonal(axis1=-2, axis2=-1)

    @property
    def selection_rates(self) -> Array:
        """(..., groups, classes) P(predicted = c | group)."""
        return _ratio(self.predicted, self.sizes[..., None])

    @property
    def true_positive_rates(self) -> Array:
        """(..., groups, classes) P(predicted = c | true = c, group)."""
        return _ratio(self.correct, self.actual)

    @property
    def false_positive_rates(self) -> Array:
        """(..., groups, classes) P(predicted = c | true ≠ c, group)."""
        return _ratio(self.predicted - self.correct, self.sizes[..., None] - self.actual)

    @property
    def accuracies(self) -> Array:
        """(..., groups) P(predicted = true | group)."""
        return _ratio(self.correct.sum(-1), self.sizes)


def confusion_counts(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    groups: Groups | ArrayLike,
    *,
    n_classes: int | None = None,
    processes: Processes = ALONE,
) -> ConfusionCounts:
    """Count the rows of every group, true class and predicted class.

    Labels and codes that are missing, fractional or out of range raise a ``DataError``.

    Args:
        y_true: (rows,) class codes 0, 1, ...
        y_pred: (rows,) class codes, not scores.
        groups: The group of every row, or its codes alone, whose groups are then named "0", "1",
            ... up to the largest code. Excluded rows (-1) are counted nowhere.
        n_classes: Number of classes; by default what the labels show, and at least two.
        processes: Those that share the rows, each with its own, perhaps none.

    Returns:
        The counts; those of batches add up if groups and classes are the same.

    Raises:
        ArgumentError: If the lengths differ or there are fewer than two classes.
    """
    if n_classes is not None and n_classes < 2:
        raise ArgumentError("n_classes", n_classes, "2 or more")
    may_be_empty = processes.number > 1
    with processes.together():
        true = _codes("y_true", y_true, n_classes, may_be_empty=may_be_empty)
        predicted = _codes("y_pred", y_pred, n_classes, may_be_empty=may_be_empty)
        if isinstance(groups, Groups):
            codes, n_groups = groups.codes, len(groups.names)
        else:
            codes = _codes("groups", groups, None, lowest=EXCLUDED, may_be_empty=may_be_empty)
            n_groups = int(codes.max(initial=EXCLUDED)) + 1
        lengths = (len(true), len(predicted), len(codes))
        if len(set(lengths)) > 1:
            raise ArgumentError("y_true, y_pred, groups", lengths, "three equal numbers of rows")

    K = n_classes or max(2, int(true.max(initial=0)) + 1, int(predicted.max(initial=0)) + 1)
    K, n_groups = processes.largest(K, n_groups)
    names = groups.names if isinstance(groups, Groups) else tuple(map(str, range(n_groups)))
    processes.require_same("groups", names)
    # One cell per (group, true, predicted); the cells of the excluded rows come first and are cut.
    cell = ((codes + 1) * K + true) * K + predicted
    rows = np.bincount(cell, minlength=(n_groups + 1) * K * K)
    processes.sum([torch.from_numpy(rows)])
    return ConfusionCounts(rows.reshape(-1, K, K)[1:], names)


def accuracy(counts: ConfusionCounts) -> Array:
    """Return P(predicted = true) over all groups."""
    return _ratio(counts.correct.sum((-2, -1)), counts.sizes.sum(-1))


def error_rate(counts: ConfusionCounts) -> Array:
    """Return P(predicted ≠ true) over all groups."""
    return 1 - accuracy(counts)


def paper_error(counts: ConfusionCounts) -> Array:
    """Return Err = 100 − 100 Σ_c P(true = c) F1_c, in percent (arXiv 2403.00625, section 4).

    F1_c = 2 TP_c / (actual_c + predicted_c), 0 for a class that never occurs and is never
    predicted: scikit-learn's ``f1_score(average="weighted", zero_division=0)``.
    """
    correct, actual, predicted = (
        rows.sum(-2) for rows in (counts.correct, counts.actual, counts.predicted)
    )
    f1 = np.nan_to_num(_ratio(2 * correct, actual + predicted))
    return 100 - 100 * _ratio((actual * f1).sum(-1), actual.sum(-1))


def worst_group_accuracy(counts: ConfusionCounts) -> Array:
    """Return the smallest accuracy among the sensitive groups that have rows."""
    worst: Array = np.fmin.reduce(counts.accuracies, axis=-1)
    return worst


def accuracy_difference(counts: ConfusionCounts) -> Array:
    """Return the gap in accuracy."""
    return _gap(counts.accuracies[..., None])[..., 0]


def demographic_parity_difference(counts: ConfusionCounts) -> Array:
    """Return max over s, s' of |P(predicted = 1 | s) − P(predicted = 1 | s')|."""
    return _largest(_gap(_judged(counts.selection_rates)))


def equal_opportunity_difference(counts: ConfusionCounts) -> Array:
    """Return the gap in true positive rate (Hardt et al. 2016)."""
    return _largest(_gap(_judged(counts.true_positive_rates)))


def false_positive_rate_difference(counts: ConfusionCounts) -> Array:
    """Return the gap in false positive rate."""
    return _largest(_gap(_judged(counts.false_positive_rates)))


def equalized_odds_difference(counts: ConfusionCounts, *, agg: Aggregation = "worst_case") -> Array:
    """Combine the gaps in true and in false positive rate (Hardt et al. 2016).

    With more than two classes the two gaps are combined within each class first, and the largest
    of the combinations counts.

    Args:
        counts: Confusion counts.
        agg: "worst_case", the larger of the two gaps (Fairlearn's default); their "mean" (AIF360,
            OxonFair); or their "sum" (the paper's ΔEO, FFB), which lies in [0, 2].

    Returns:
        The combined gap; NaN if one of the two is undefined.

    Raises:
        ArgumentError: If ``agg`` is none of the three.
    """
    true_positive = _gap(_judged(counts.true_positive_rates))
    false_positive = _gap(_judged(counts.false_positive_rates))
    match agg:
        case "worst_case":
            return _largest(np.maximum(true_positive, false_positive))
        case "mean":
            return _largest((true_positive + false_positive) / 2)
        case "sum":
            return _largest(true_positive + false_positive)
    raise ArgumentError("agg", agg, "'worst_case', 'mean' or 'sum'")


def rms_true_positive_rate_difference(counts: ConfusionCounts) -> Array:
    """Return √ mean_c gap_c², over all classes, of the gap in P(predicted = c | true = c).

    The summary of many classes of Romanov et al. 2019 ("What's in a name?"). Classes whose gap is
    undefined are left out of the mean.
    """
    gaps = _gap(counts.true_positive_rates)
    squares = np.nan_to_num(gaps**2).sum(-1)
    return np.sqrt(_ratio(squares, np.isfinite(gaps).sum(-1)))


METRICS: Mapping[str, Callable[[ConfusionCounts], Array]] = MappingProxyType(
    {
        "accuracy": accuracy,
        "error_rate": error_rate,
        "paper_error": paper_error,
        "demographic_parity_difference": demographic_parity_difference,
        "equalized_odds_difference_worst_case": partial(
            equalized_odds_difference, agg="worst_case"
        ),
        "equalized_odds_difference_mean": partial(equalized_odds_difference, agg="mean"),
        "equalized_odds_difference_sum": partial(equalized_odds_difference, agg="sum"),
        "equal_opportunity_difference": equal_opportunity_difference,
        "false_positive_rate_difference": false_positive_rate_difference,
        "accuracy_difference": accuracy_difference,
        "rms_true_positive_rate_difference": rms_true_positive_rate_difference,
        "worst_group_accuracy": worst_group_accuracy,
    }
)
"""Metrics by the explicit names used in every table and file."""


def fairness_metrics(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    groups: Groups | ArrayLike,
    *,
    n_classes: int | None = None,
) -> FairnessMetrics:
    """Compute every entry of ``METRICS``.

    Args:
        y_true: (rows,) class codes 0, 1, ...
        y_pred: (rows,) class codes, not scores.
        groups: The group of every row, or its codes alone. Excluded rows (-1) count nowhere, not
            even in the accuracy.
        n_classes: Number of classes; by default what the labels show, and at least two.

    Returns:
        Metric name to value: fractions, but ``paper_error`` in percent; NaN where undefined.
    """
    counts = confusion_counts(y_true, y_pred, groups, n_classes=n_classes)
    return {name: float(metric(counts)) for name, metric in METRICS.items()}


def _sum(cells: Counts, axes: int | tuple[int, ...]) -> Counts:
    """Return the sum over axes, typed."""
    total: Counts = cells.sum(axes)
    return total


def _ratio(numerator: Counts | Array, denominator: Counts) -> Array:
    """Return the quotient, NaN where the denominator is 0."""
    ratio: Array = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio


def _judged(rates: Array) -> Array:
    """Return the (..., groups, classes) rates of the classes that take the positive role."""
    return rates[..., 1:] if rates.shape[-1] == 2 else rates


def _gap(rates: Array) -> Array:
    """Return the largest difference between groups, (..., groups, classes) to (..., classes)."""
    gap: Array = np.fmax.reduce(rates, axis=-2) - np.fmin.reduce(rates, axis=-2)
    gap[np.isfinite(rates).sum(-2) < 2] = np.nan
    return gap


def _largest(gaps: Array) -> Array:
    """Return the largest gap over classes that is defined, (..., classes) to (...)."""
    largest: Array = np.fmax.reduce(gaps, axis=-1)
    return largest


def _codes(
    argument: str,
    values: ArrayLike,
    n_codes: int | None,
    lowest: int = 0,
    *,
    may_be_empty: bool = False,
) -> Counts:
    """Return the values as int64 codes.

    Raises:
        DataError: If there are none, unless they may be empty, or one is not an integer from
            ``lowest`` to ``n_codes`` - 1.
    """
    codes = np.asarray(values)
    if codes.ndim == 1 and codes.size == 0 and may_be_empty:
        return np.zeros(0, np.int64)
    if codes.ndim != 1 or codes.size == 0:
        raise DataError(f"{argument} has shape {codes.shape}: pass one code per row, at least one.")
    if codes.dtype.kind not in "biuf":
        raise DataError(
            f"{argument} holds {codes.dtype} values such as {codes[-1]!r}: expected integer codes. "
            "Encode labels and leave out rows with missing ones."
        )
    highest = (_MOST_CODES if n_codes is None else n_codes) - 1
    usable = (codes >= lowest) & (codes <= highest) & (codes == np.rint(codes))
    if not usable.all():
        raise DataError(
            f"{argument} holds {codes[~usable][0]}: expected integer codes from {lowest} to "
            f"{highest}. Threshold scores and leave out rows with missing values."
        )
    return codes.astype(np.int64, copy=False)
