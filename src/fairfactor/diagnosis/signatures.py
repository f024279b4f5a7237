"""A diagnosis in plain words: the stages as a table, and the signs of a failed low-rank step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fairfactor.diagnosis.result import Diagnosis, LayerDiagnosis
    from fairfactor.surgery import ReplacementReport

SMALL_GROUP = 30
"""Rows below which a rate says little: near one half its 95 % interval is ±0.18 wide."""

NEGLIGIBLE_GAP = 0.005
"""A gap that moved by less has not moved: thousands of rows leave it uncertain by more."""

LOST_ACCURACY = 0.01
"""A replacement that loses more is a failure unless training gives it back."""

UNEVEN = 1e3
"""Condition of Î_N from which a few inputs decide almost alone."""

ALIKE = 0.9
"""Correlation from which two groups need the same inputs."""

DOMINANT = 1.5
"""Ratio of scales from which one group leads the neutralised importance."""

STAGES = {"before": "Original", "after": "Replaced", "trained": "Trained"}
"""Labels of the stages."""

COLUMNS: dict[str, tuple[str, float, int]] = {
    "paper_error": ("Err %", 1, 2),
    "demographic_parity_difference": ("ΔDP", 1, 3),
    "equalized_odds_difference_worst_case": ("ΔEO (max)", 1, 3),
}
"""Metrics in tables of stages: label, factor and decimal places."""

_GAP_LABELS = {
    "demographic_parity_difference": "demographic parity difference",
    "equalized_odds_difference_worst_case": "equalised odds difference",
}


@dataclass(frozen=True)
class Finding:
    """One thing that changes how results should be read.

    Attributes:
        severity: ``warning`` if a conclusion may be wrong without it, else ``note``.
        code: A stable name for machines.
        text: One or two plain sentences.
    """

    severity: Literal["warning", "note"]
    code: str
    text: str


def signatures(diagnosis: Diagnosis) -> list[Finding]:
    """Look for every sign of a failed low-rank step.

    Args:
        diagnosis: What was measured.

    Returns:
        What was found, warnings first.
    """
    found = [finding for check in _CHECKS for finding in check(diagnosis)]
    return sorted(found, key=lambda finding: finding.severity != "warning")


def describe(diagnosis: Diagnosis) -> str:
    """Write the stages as a table, then the signatures.

    Args:
        diagnosis: What was measured.

    Returns:
        The text, one finding a line.
    """
    rows = stage_rows(diagnosis)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    found = [f"{f.severity.capitalize()}: {f.text}" for f in signatures(diagnosis)]
    return "\n".join([*lines, *found])


def stage_rows(diagnosis: Diagnosis) -> list[tuple[str, ...]]:
    """The stages as a table of texts, the head first.

    Args:
        diagnosis: What was measured.

    Returns:
        Rows of equal length.
    """
    labels = [label for label, _, _ in COLUMNS.values()]
    head = (f"{diagnosis.rows:,} rows", *labels, "Changed %", "Parameters", "FLOPs")
    return [
        head,
        *(
            (
                STAGES[name],
                *(
                    _number(scale * stage.metrics[metric], digits)
                    for metric, (_, scale, digits) in COLUMNS.items()
                ),
                _number(100 * stage.changed_predictions, 2),
                f"{stage.parameters:,}",
                f"{stage.flops:,.0f}",
            )
            for name, stage in diagnosis.stages.items()
        ),
    ]


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "—"


def _replaced(diagnosis: Diagnosis) -> dict[str, ReplacementReport]:
    return {name: x.replacement for name, x in diagnosis.layers.items() if x.replacement}


def _full_rank(diagnosis: Diagnosis) -> Iterator[Finding]:
    """At r = min(in, out) every weighting gives W back."""
    full = {name: r for name, r in _replaced(diagnosis).items() if r.is_full_rank}
    if full:
        known = [r.relative_change for r in full.values() if math.isfinite(r.relative_change)]
        change = f" (‖T − W‖ is at most {max(known):.0e} of ‖W‖)" if known else ""
        yield Finding(
            "warning",
            "full-rank",
            f"At this rank the factors reproduce the old weights of {_names(full)}{change}: every "
            "weighting gives the same model, no prediction changes at replacement, and whatever "
            "differs later comes from training alone. Choose a lower rank.",
        )


def _nothing_saved(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Past break-even the factors have more parameters than the layer that they replace."""
    larger = {
        name: r
        for name, r in _replaced(diagnosis).items()
        if r.parameters_after >= r.parameters_before
    }
    for name, report in list(larger.items())[:1]:
        others = f", and likewise {_names(list(larger)[1:])}" if len(larger) > 1 else ""
        yield Finding(
            "warning",
            "parameters-added",
            f"The factors of {name} have {report.parameters_after:,} parameters and the layer had "
            f"{report.parameters_before:,}{others}: nothing is saved above rank "
            f"{report.break_even_rank}.",
        )


def _weight_change(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Below full rank the factors start from another function."""
    changes = {
        name: r.relative_change
        for name, r in _replaced(diagnosis).items()
        if not r.is_full_rank and math.isfinite(r.relative_change)
    }
    if changes:
        least, most = min(changes, key=lambda n: changes[n]), max(changes, key=lambda n: changes[n])
        spread = f"by {100 * changes[most]:.1f} % of its norm"
        if len(changes) > 1:
            spread = (
                f"by {100 * changes[least]:.1f} % of its norm ({least}) to "
                f"{100 * changes[most]:.1f} % ({most})"
            )
        yield Finding("note", "weight-change", f"Replacement changed the weight {spread}.")


def _lost_accuracy(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Too low a rank loses the function that was learned."""
    if diagnosis.after is None:
        return
    lost = diagnosis.before.metrics["accuracy"] - diagnosis.after.metrics["accuracy"]
    if not lost > LOST_ACCURACY:
        return
    text = f"Replacement lost {100 * lost:.1f} points of accuracy on the probe rows"
    severity: Literal["warning", "note"] = "warning"
    if diagnosis.trained:
        left = diagnosis.before.metrics["accuracy"] - diagnosis.trained.metrics["accuracy"]
        severity = "warning" if left > LOST_ACCURACY else "note"
        text += f", and {max(100 * left, 0):.1f} points are still lost after training"
    remedy = "Train longer or raise the rank." if severity == "warning" else "Training repaired it."
    yield Finding(severity, "accuracy-lost", f"{text}. {remedy}")


def _gaps(diagnosis: Diagnosis) -> Iterator[Finding]:
    """What the replacement did to the gaps, and what training left of it."""
    before, after, trained = diagnosis.before, diagnosis.after, diagnosis.trained
    if after is None or any(r.is_full_rank for r in _replaced(diagnosis).values()):
        return
    for gap, label in _GAP_LABELS.items():
        change = after.metrics[gap] - before.metrics[gap]
        if not math.isfinite(change):
            continue
        values = f"{before.metrics[gap]:.3f} → {after.metrics[gap]:.3f}"
        if abs(change) < NEGLIGIBLE_GAP:
            text = f"Replacement left the {label} where it was ({values})."
            yield Finding("note", f"unchanged-{gap.partition('_diff')[0]}", text)
            continue
        text = f"Replacement {'lowered' if change < 0 else 'raised'} the {label} ({values})"
        undone = trained and (trained.metrics[gap] - after.metrics[gap]) > -change / 2
        if change < 0 and undone and trained:
            yield Finding(
                "warning",
                f"undone-{gap.partition('_diff')[0]}",
                f"{text}, but training brought it back to {trained.metrics[gap]:.3f}. Lock the "
                "down-projection (fairfactor.surgery.lock) or train under a constraint.",
            )
        else:
            ends = f", and {trained.metrics[gap]:.3f} after training" if trained else ""
            yield Finding("note", f"changed-{gap.partition('_diff')[0]}", f"{text}{ends}.")


def _small_groups(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Few rows make a rate, and so a gap, mostly noise."""
    small = [f"{name} ({size})" for name, size in diagnosis.groups.items() if size < SMALL_GROUP]
    if small:
        yield Finding(
            "warning",
            "small-groups",
            f"Groups with few probe rows: {_names(small)}. Changes of gaps that depend on them are "
            "mostly noise. Take more rows, or merge groups with encode_groups.",
        )


def _costs(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Parameters and operations of the last stage against those of the original model."""
    before, last = diagnosis.before, list(diagnosis.stages.values())[-1]
    if last is before:
        return
    parameters = f"{before.parameters:,} → {last.parameters:,} parameters"
    flops = f"{before.flops:,.0f} → {last.flops:,.0f} operations a row"
    cheaper = last.parameters < before.parameters and last.flops <= before.flops
    text = "The model became cheaper" if cheaper else "The model did not become cheaper"
    yield Finding("note", "cost", f"{text}: {parameters}, {flops}.")


def _weighting(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Inputs that the weighting cannot see, or that it all but ignores."""
    dead = {name: layer for name, layer in diagnosis.layers.items() if layer.zero_rows}
    if dead:
        listing = _names([f"{name} ({x.zero_rows} of {x.inputs})" for name, x in dead.items()])
        yield Finding(
            "note",
            "zero-fisher",
            f"Inputs without Fisher information for any group: {listing}, as of units that never "
            "fire. Their weights are kept; a small floor takes the place of the undefined inverse.",
        )
    uneven = [
        f"{name} ({layer.condition:.0e})"
        for name, layer in diagnosis.layers.items()
        if UNEVEN < layer.condition < math.inf
    ]
    if uneven:
        yield Finding(
            "note",
            "uneven-weighting",
            f"The neutralised importance of the inputs differs by large factors in "
            f"{_names(uneven)}: a few inputs decide which weights survive.",
        )


def _overlaps(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Whether the groups need different inputs, and whether one of them leads."""
    alike = [name for name, layer in diagnosis.layers.items() if _are_alike(layer)]
    if alike:
        which = "every layer" if len(alike) == len(diagnosis.layers) else _names(alike)
        if len(diagnosis.layers) == 1:
            which = alike[0]
        yield Finding(
            "note",
            "groups-alike",
            f"The groups need the same inputs of {which} (correlations of their Fisher information "
            f"are at least {ALIKE}), so neutralising has next to nothing to trade.",
        )
    ratios = {
        name: max((max(o.scale_ratio, 1 / o.scale_ratio), o.groups, o.scale_ratio) for o in pairs)
        for name, layer in diagnosis.layers.items()
        if (pairs := [o for o in layer.overlaps if 0 < o.scale_ratio < math.inf])
    }
    if ratios:
        name = max(ratios, key=lambda n: ratios[n][0])
        ratio, groups, oriented = ratios[name]
        more, less = groups if oriented > 1 else groups[::-1]
        if ratio > DOMINANT:
            yield Finding(
                "note",
                "dominant-group",
                f"The Fisher information of {more} is up to {ratio:.1f} times that of {less} "
                f"({name}), so an unscaled neutralised importance leans towards {more}.",
            )


def _are_alike(layer: LayerDiagnosis) -> bool:
    return bool(layer.overlaps) and all(o.correlation >= ALIKE for o in layer.overlaps)


def _names(names: list[str] | dict[str, ReplacementReport], limit: int = 4) -> str:
    """The names on one line, the first few of many."""
    shown = list(names)[:limit]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


_CHECKS: tuple[Callable[[Diagnosis], Iterator[Finding]], ...] = (
    _full_rank,
    _nothing_saved,
    _small_groups,
    _lost_accuracy,
    _gaps,
    _weight_change,
    _costs,
    _weighting,
    _overlaps,
)
