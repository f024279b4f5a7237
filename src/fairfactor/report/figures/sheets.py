"""The figures of a run, by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fairfactor.errors import SavedModelError
from fairfactor.report.charts import AXIS_HEIGHT, ROW_HEIGHT
from fairfactor.report.figures.rates import rates_sheet
from fairfactor.report.figures.sheet import Panel, Sheet
from fairfactor.report.panels import Panel as MethodPanel
from fairfactor.report.panels import line_reference, panels
from fairfactor.report.peers.pictures import (
    OURS_SERIES,
    Picture,
    aiming_at,
    pictures,
    row_series,
)
from fairfactor.report.peers.pictures import legend as peers_legend
from fairfactor.report.peers.read import read_peers
from fairfactor.report.peers.run import PeersRun
from fairfactor.report.plane import HEIGHT, LABEL_DROP
from fairfactor.report.read import read_run
from fairfactor.report.run import Metric, Run
from fairfactor.report.tuning.read import read_tuning
from fairfactor.report.tuning.views import UNMITIGATED_SERIES, frontier_views
from fairfactor.report.tuning.views import legend as tuning_legend

PLANE_WIDTH = 560.0
METHOD_WIDTH = 290.0
AXIS_LABELS = 46.0
_FRONTIER_NOTES = (
    "The line joins the points that no other beats on validation rows; the others are paler.",
    "Lines at the ringed point are 95 % intervals; shaded is what was asked for.",
)


def figure_sheets(metrics: Mapping[str, object]) -> Sequence[Sheet]:
    """The figures of a run.

    Args:
        metrics: The contents of ``metrics.json``.

    Returns:
        Of a tuning the frontiers and the rates before and after; of a comparison of methods the
        methods and the rates; of a comparison with peers a plane for each gap.

    Raises:
        SavedModelError: If the run is of another kind or damaged.
    """
    kind = metrics.get("kind", "methods")
    if not isinstance(kind, str) or kind not in _MAKERS:
        raise SavedModelError(f"metrics.json has {kind!r} at 'kind': it is of another version.")
    return _MAKERS[kind](metrics)


def _tuning(metrics: Mapping[str, object]) -> Sequence[Sheet]:
    run = read_tuning(metrics)
    marks = [(UNMITIGATED_SERIES, "unmitigated")]
    marks += [(entry.series, f"{entry.label} ({entry.points})") for entry in tuning_legend(run)]
    sheets = [
        _plane(
            f"frontier-{_file_name(view.gap)}-{view.split}",
            view.chart,
            f"Accuracy against {view.gap.label.lower()}, {view.split} rows",
            view.gap,
            marks,
            "tuning",
            _FRONTIER_NOTES,
        )
        for view in frontier_views(run, run.chosen)
    ]
    if run.chosen_point is not None:
        names = ("Unmitigated network", f"The {run.choice} point: {run.chosen_point.recipe_label}")
        title = f"Rates by group before and after, {run.data.name}"
        sheets.append(rates_sheet(run.unmitigated.groups, run.chosen_point.groups, names, title))
    return sheets


def _methods(metrics: Mapping[str, object]) -> Sequence[Sheet]:
    run = read_run(metrics)
    drawn = panels(run)
    sheets = [
        _method_sheet("methods", run, [panel for panel in drawn if panel.shown]),
        _method_sheet("methods-all-metrics", run, drawn),
    ]
    if len(run.methods) > 1:
        before, after = run.methods[0], run.methods[-1]
        names, title = (before.label, after.label), f"Rates by group, {run.data.name}"
        sheets.append(rates_sheet(before.groups, after.groups, names, title))
    return sheets


def _method_sheet(name: str, run: Run, drawn: Sequence[MethodPanel]) -> Sheet:
    reference = line_reference(run)
    notes = [f"Means over {run.seed_count} seeds, 95 % intervals, and each seed."]
    if run.seed_count < 2:
        notes = ["One seed, and so no intervals."]
    if reference:
        notes.append(f"The dashed line is the mean of {reference.label}.")
    return Sheet(
        name=name,
        title=f"Methods compared on {run.data.name}",
        panels=[
            Panel(
                title=panel.metric.label,
                chart=panel.chart,
                width=METHOD_WIDTH,
                height=ROW_HEIGHT * len(panel.rows) + AXIS_HEIGHT,
                axis=_better(panel.metric),
                rows=[(row.label, row.value) for row in panel.rows],
            )
            for panel in drawn
        ],
        columns=min(3, len(drawn)),
        notes=notes,
    )


def _peers(metrics: Mapping[str, object]) -> Sequence[Sheet]:
    run = read_peers(metrics)
    return [_peer_sheet(run, picture) for picture in pictures(run)]


def _peer_sheet(run: PeersRun, picture: Picture) -> Sheet:
    shown = list(aiming_at(run, picture.gap))
    series = {OURS_SERIES[0], *(row_series(row) for _, row in shown)}
    return _plane(
        f"peers-{_file_name(picture.gap)}",
        picture.chart,
        f"Accuracy against {picture.gap.label.lower()}, test rows",
        picture.gap,
        [entry for entry in peers_legend(run) if entry[0] in series],
        "peers",
        [f"{number}: {row.label}" for number, row in shown],
    )


_MAKERS: dict[str, Callable[[Mapping[str, object]], Sequence[Sheet]]] = {
    "tuning": _tuning,
    "methods": _methods,
    "peers": _peers,
}


def _plane(
    name: str,
    chart: str,
    title: str,
    gap: Metric,
    legend: Sequence[tuple[int, str]],
    kind: str,
    notes: Sequence[str] = (),
) -> Sheet:
    panel = Panel(
        title=title,
        chart=chart,
        width=PLANE_WIDTH,
        height=HEIGHT + LABEL_DROP + 6,
        left=AXIS_LABELS,
        axis=f"{gap.label}  {_better(gap)}",
    )
    return Sheet(name, title, [panel], legend=legend, kind=kind, notes=notes)


def _better(metric: Metric) -> str:
    return "← lower is better" if metric.lower_is_better else "higher is better →"


def _file_name(metric: Metric) -> str:
    return metric.key.replace("_", "-")
