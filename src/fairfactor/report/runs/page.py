"""The page that compares runs: what ``fairfactor report RUN RUN`` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fairfactor.report.contents import groups_in_words
from fairfactor.report.document import render_document
from fairfactor.report.panels import Panel, panels
from fairfactor.report.run import RATES, SMALL_GROUP
from fairfactor.report.runs.read import RunSource, find_differences, have_same_test_rows, read_runs
from fairfactor.report.runs.tables import (
    as_one_run,
    bound_rows,
    group_rates,
    rate_axes,
    setting_rows,
)
from fairfactor.report.wording import counted

SHOWN = ("accuracy", "demographic_parity_difference", "equalized_odds_difference_worst_case")
"""The metrics of the charts that are shown at first."""


def render_runs(sources: Sequence[RunSource]) -> str:
    """Render the kept models of several runs as one HTML page that needs nothing else.

    The page has the style, the script and the content security policy of the report of one run.

    Args:
        sources: The runs.

    Returns:
        The page, to be written as UTF-8.

    Raises:
        ArgumentError: If the runs cannot be compared.
        SavedModelError: If one keeps no model, or is damaged.
    """  # noqa: DOC502 - raised by read_runs
    runs = read_runs(sources)
    together = as_one_run(runs)
    findings = find_differences(runs)
    data = together.data
    return render_document(
        "runs/page.html.j2",
        styles=("runs.css",),
        scripts=(),
        runs=runs,
        data=data,
        version=together.version,
        heading=f"Predicting {data.target} on {data.name}: {counted(len(runs), 'run')}",
        groups=groups_in_words(data),
        findings=findings,
        same_rows=have_same_test_rows(runs),
        panels=_shown_first(panels(together)),
        bounds=bound_rows(runs),
        rates=RATES,
        rate_axes=rate_axes(runs),
        group_rates=group_rates(runs),
        settings=setting_rows(runs),
        small_groups=[group.name for group in runs[0].kept.groups if group.is_small],
        small_group=SMALL_GROUP,
    )


def _shown_first(drawn: Sequence[Panel]) -> list[Panel]:
    """Accuracy and the two usual gaps first and shown, the others behind their buttons."""
    by_key = {panel.metric.key: panel for panel in drawn}
    first = [replace(by_key[key], shown=True) for key in SHOWN if key in by_key]
    return [*first, *(replace(p, shown=False) for p in drawn if p.metric.key not in SHOWN)]
