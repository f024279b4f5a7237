"""What a run says about itself: the failure signatures of the paper, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from fairfactor.diagnosis import SMALL_GROUP, Finding
from fairfactor.methods import METHODS
from fairfactor.studies.comparison import Comparison
from fairfactor.studies.seed_run import Outcome


def find(comparison: Comparison) -> list[Finding]:
    """Look for every failure signature.

    Args:
        comparison: A finished comparison.

    Returns:
        What was found, warnings first.
    """
    found = [finding for check in _CHECKS for finding in check(comparison)]
    return sorted(found, key=lambda finding: finding.severity != "warning")


def _factorised(comparison: Comparison) -> list[Outcome]:
    return [outcome for outcome in comparison.outcomes if outcome.replacement]


def _full_rank(comparison: Comparison) -> Iterator[Finding]:
    """At r = min(d, k) every weighting gives A B = W."""
    full = [o for o in _factorised(comparison) if o.replacement and o.replacement.is_full_rank]
    if full:
        change = max(o.replacement.relative_change for o in full if o.replacement)
        yield Finding(
            "warning",
            "full-rank",
            f"Rank {full[0].cell[1]} is the full rank of the last layer: there the factors "
            f"reproduce the old weights whatever the weighting (‖AB − W‖ is at most {change:.0e} "
            "of ‖W‖). Differences between methods at this rank come from training alone.",
        )


def _parameters_added(comparison: Comparison) -> Iterator[Finding]:
    """Past break-even the factors have more parameters than the layer that they replace."""
    reports = {o.cell[1]: o.replacement for o in _factorised(comparison)}
    for rank, report in reports.items():
        if report and rank and rank > report.break_even_rank:
            yield Finding(
                "warning",
                "parameters-added",
                f"At rank {rank} the two factors have {report.parameters_after} parameters and the "
                f"layer that they replace had {report.parameters_before}: nothing is saved above "
                f"rank {report.break_even_rank}.",
            )


def _weight_change(comparison: Comparison) -> Iterator[Finding]:
    """Below full rank the factors start from another function."""
    reduced = [
        o for o in _factorised(comparison) if o.replacement and not o.replacement.is_full_rank
    ]
    if reduced:
        changes = [o.replacement.relative_change for o in reduced if o.replacement]
        ranks = ", ".join(str(rank) for rank in sorted({o.cell[1] or 0 for o in reduced}))
        low, high = f"{100 * min(changes):.1f}", f"{100 * max(changes):.1f}"
        yield Finding(
            "note",
            "weight-change",
            f"At rank {ranks} the factors differ from the layer that they replace by "
            f"{low if low == high else f'{low} to {high}'} % of its norm before training.",
        )


def _zero_fisher(comparison: Comparison) -> Iterator[Finding]:
    """Dead units have rows of zero importance, where the paper's inverse is undefined."""
    zero = [int((run.fisher.row_importance.sum(0) == 0).sum()) for run in comparison.runs]
    if any(zero):
        width = comparison.runs[0].fisher.row_importance.shape[1]
        yield Finding(
            "note",
            "zero-fisher",
            f"Up to {max(zero)} of the {width} inputs of the last layer have no Fisher information "
            "for any group (units that never fire). Their weights are kept; a small floor takes "
            "the place of the undefined inverse.",
        )


def _small_groups(comparison: Comparison) -> Iterator[Finding]:
    """Few test rows make a rate, and so a gap, mostly noise."""
    sizes = np.mean([o.counts.sizes for o in comparison.outcomes], axis=0)
    small = {n: s for n, s in zip(comparison.groups.names, sizes, strict=True) if s < SMALL_GROUP}
    if small:
        listing = ", ".join(f"{name} ({size:.0f})" for name, size in small.items())
        yield Finding(
            "warning",
            "small-groups",
            f"Groups with few test rows: {listing}. Their rates, and the gaps that depend on them, "
            "are mostly noise. --minimum-group-size merges small groups.",
        )


def _undefined_gap(comparison: Comparison) -> Iterator[Finding]:
    """A group without test rows of a class drops out of the gap."""
    undefined = [
        o for o in comparison.outcomes if not np.isfinite(o.counts.true_positive_rates).all()
    ]
    if undefined:
        seeds = sorted({outcome.seed for outcome in undefined})
        yield Finding(
            "warning",
            "undefined-rate",
            f"On {len(seeds)} of {comparison.config.seeds} seeds a group has no test rows of one "
            "class. It is left out of the gaps there.",
        )


def _loss_not_decreasing(comparison: Comparison) -> Iterator[Finding]:
    """A method that did not learn says nothing about the method."""
    for cell in comparison.cells:
        failed = [
            outcome
            for outcome in comparison.outcomes
            if outcome.cell == cell and outcome.history and not outcome.history.loss_decreased
        ]
        if failed:
            rank = f" at rank {cell[1]}" if cell[1] else ""
            yield Finding(
                "warning",
                "loss-not-decreasing",
                f"{METHODS[cell[0]].label}{rank}: fine-tuning did not lower the training loss on "
                f"{len(failed)} of {comparison.config.seeds} seeds.",
            )


def _one_seed(comparison: Comparison) -> Iterator[Finding]:
    """Without repetition nothing can be said about noise."""
    if comparison.config.seeds == 1:
        yield Finding(
            "warning",
            "one-seed",
            "One seed has no interval: no difference can be told from noise. Use --seeds 10.",
        )


def _dominant_group(comparison: Comparison) -> Iterator[Finding]:
    """The mean of roots is dominated by the group with the larger gradients."""
    means = np.mean([run.fisher.row_importance.mean(1).numpy() for run in comparison.runs], axis=0)
    largest, smallest = int(means.argmax()), int(means.argmin())
    ratio = means[largest] / means[smallest] if means[smallest] > 0 else math.inf
    if ratio > 1.5:
        names = comparison.groups.names
        yield Finding(
            "note",
            "dominant-group",
            f"The Fisher information of {names[largest]} is {ratio:.1f} times that of "
            f"{names[smallest]}, so the neutralised importance leans towards {names[largest]}.",
        )


_CHECKS: tuple[Callable[[Comparison], Iterator[Finding]], ...] = (
    _one_seed,
    _full_rank,
    _parameters_added,
    _small_groups,
    _undefined_gap,
    _loss_not_decreasing,
    _weight_change,
    _zero_fisher,
    _dominant_group,
)
