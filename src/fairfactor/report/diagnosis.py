"""What happened to the model that a run keeps: before and after, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.diagnosis import (
    Diagnosis,
    Finding,
    GroupOverlap,
    LayerDiagnosis,
    signatures,
    stage_rows,
)
from fairfactor.diagnosis.signatures import COLUMNS, STAGES
from fairfactor.report.charts import ChartRow, cell_bar, interval_chart
from fairfactor.report.run import NO_ESTIMATE, Estimate
from fairfactor.report.scale import Scale
from fairfactor.report.wording import counted, fixed, significant, whole

STAGE_SERIES = {"before": 0, "after": 2, "trained": 4}
OVERLAP_SERIES = 4
LEAST_SPAN = {"paper_error": 0.5}
FRACTION_SPAN = 0.01


@dataclass(frozen=True)
class Panel:
    """One chart with its rows in words."""

    identifier: str
    title: str
    note: str
    chart: Markup
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LayerRow:
    """One layer in the table: its texts, and bars for the changes of its weight."""

    name: str
    rank: str
    parameters: str
    changes: tuple[tuple[str, Markup], ...]
    zero_rows: str
    condition: str


@dataclass(frozen=True)
class DiagnosisSection:
    """All that the section shows."""

    model: str
    rows: str
    stages: tuple[tuple[str, ...], ...]
    panels: tuple[Panel, ...]
    signatures: tuple[Finding, ...]
    layers: tuple[LayerRow, ...]
    overlaps: tuple[Panel, ...]
    pairs: int


def diagnosis_section(metrics: Mapping[str, object], model: str) -> DiagnosisSection | None:
    """Draw the diagnosis of the kept model.

    Args:
        metrics: The contents of ``metrics.json``.
        model: What to call the model.

    Returns:
        The section; ``None`` for a run without a diagnosis, as those of older versions.
    """
    if metrics.get("diagnosis") is None:
        return None
    diagnosis = Diagnosis.from_json(metrics["diagnosis"])
    return DiagnosisSection(
        model=model,
        rows=counted(diagnosis.rows, "validation row"),
        stages=tuple(stage_rows(diagnosis)),
        panels=tuple(
            _stage_panel(diagnosis, metric, f"diagnosis-{number}")
            for number, metric in enumerate(COLUMNS, start=1)
        ),
        signatures=tuple(signatures(diagnosis)),
        layers=_layer_rows(diagnosis.layers),
        overlaps=_overlap_panels(diagnosis.layers),
        pairs=max((len(layer.overlaps) for layer in diagnosis.layers.values()), default=0),
    )


def _stage_panel(diagnosis: Diagnosis, metric: str, identifier: str) -> Panel:
    """One metric at each stage."""
    label, _, digits = COLUMNS[metric]
    values = {name: _known(stage.metrics[metric]) for name, stage in diagnosis.stages.items()}
    scale = Scale.covering(values.values(), least_span=LEAST_SPAN.get(metric, FRACTION_SPAN))
    words = tuple((STAGES[name], fixed(value, digits)) for name, value in values.items())
    rows = [ChartRow(_point(value), series=STAGE_SERIES[name]) for name, value in values.items()]
    chart = interval_chart(
        rows,
        scale,
        identifier=identifier,
        title=f"{label} at each stage",
        description="; ".join(f"{stage}: {value}" for stage, value in words) + ".",
        reference=values["before"],
    )
    return Panel(identifier, label, "← lower is better", chart, words)


def _layer_rows(layers: Mapping[str, LayerDiagnosis]) -> tuple[LayerRow, ...]:
    changes = {name: _changes(layer) for name, layer in layers.items()}
    largest = max((change or 0.0 for pair in changes.values() for change in pair), default=0.0)
    return tuple(
        LayerRow(
            name=name,
            rank=_rank(layer),
            parameters=(
                f"{whole(r.parameters_before)} → {whole(r.parameters_after)}"
                if (r := layer.replacement)
                else "kept whole"
            ),
            changes=tuple(
                (
                    fixed(None if change is None else 100 * change, 1),
                    cell_bar(change, largest),
                )
                for change in changes[name]
            ),
            zero_rows=f"{whole(layer.zero_rows)} of {whole(layer.inputs)}",
            condition=significant(_known(layer.condition)),
        )
        for name, layer in layers.items()
    )


def _rank(layer: LayerDiagnosis) -> str:
    if layer.replacement is None:
        return "—"
    full = " (full)" if layer.replacement.is_full_rank else ""
    return f"{layer.replacement.rank}{full}"


def _changes(layer: LayerDiagnosis) -> tuple[float | None, float | None]:
    start = None if layer.replacement is None else _known(layer.replacement.relative_change)
    return start, None if layer.trained_change is None else _known(layer.trained_change)


def _overlap_panels(layers: Mapping[str, LayerDiagnosis]) -> tuple[Panel, ...]:
    """Correlation and shared top inputs of the groups' Fisher information, a row each layer."""
    shown = {name: layer.overlaps for name, layer in layers.items() if layer.overlaps}
    if not shown:
        return ()
    correlations = {n: _values([o.correlation for o in pairs]) for n, pairs in shown.items()}
    lowest = min((value for values in correlations.values() for value in values), default=0.0)
    return (
        _overlap_panel(
            "diagnosis-correlation",
            "Correlation of the groups’ Fisher information",
            "1: the same shape",
            Scale(min(0.0, math.floor(10 * lowest) / 10), 1.0),
            correlations,
            shown,
        ),
        _overlap_panel(
            "diagnosis-top",
            "Shared among the most important fifth of the inputs",
            "1: the same inputs",
            Scale(0.0, 1.0),
            {n: _values([o.shared_top for o in pairs]) for n, pairs in shown.items()},
            shown,
        ),
    )


def _overlap_panel(
    identifier: str,
    title: str,
    note: str,
    scale: Scale,
    values: Mapping[str, tuple[float, ...]],
    overlaps: Mapping[str, tuple[GroupOverlap, ...]],
) -> Panel:
    """A mark at the mean over pairs of groups, a line from the least to the most, a tick each."""
    words = tuple((name, _pairs_in_words(values[name], overlaps[name])) for name in values)
    chart = interval_chart(
        [
            ChartRow(_spread(numbers), _ticks(numbers), OVERLAP_SERIES)
            for numbers in values.values()
        ],
        scale,
        identifier=identifier,
        title=title,
        description="; ".join(f"{name}: {text}" for name, text in words) + ".",
    )
    return Panel(identifier, title, note, chart, words)


def _pairs_in_words(values: tuple[float, ...], pairs: tuple[GroupOverlap, ...]) -> str:
    if not values:
        return "undefined"
    if len(pairs) == 1:
        return f"{fixed(values[0], 2)} ({' and '.join(pairs[0].groups)})"
    return f"{fixed(min(values), 2)} to {fixed(max(values), 2)} over {len(pairs)} pairs of groups"


def _values(numbers: list[float]) -> tuple[float, ...]:
    return tuple(number for number in numbers if math.isfinite(number))


def _ticks(values: tuple[float, ...]) -> tuple[float, ...]:
    return values if len(values) > 1 else ()


def _spread(values: tuple[float, ...]) -> Estimate:
    if not values:
        return NO_ESTIMATE
    low, high = (min(values), max(values)) if len(values) > 1 else (None, None)
    return Estimate(sum(values) / len(values), low, high)


def _point(value: float | None) -> Estimate:
    return Estimate(value, None, None)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
