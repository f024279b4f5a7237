"""The page that compares with other methods: what ``fairfactor compare`` reports."""

from __future__ import annotations

from collections.abc import Mapping

from fairfactor.report.contents import Contents, groups_in_words
from fairfactor.report.peers.pictures import (
    ACCURACY,
    key_entries,
    legend,
    pictures,
    target_in_words,
)
from fairfactor.report.peers.read import read_peers
from fairfactor.report.peers.run import PeersRun
from fairfactor.report.peers.tables import (
    area_metrics,
    area_rows,
    duel_rows,
    duels_in_words,
    mean_and_spread,
)
from fairfactor.report.run import NO_ESTIMATE, Metric
from fairfactor.report.wording import counted, listed


def peers_contents(metrics: Mapping[str, object], _config: Mapping[str, object]) -> Contents:
    """Put a comparison with peers together.

    Args:
        metrics: The contents of ``metrics.json``.

    Returns:
        What the page shows.
    """
    run = read_peers(metrics)
    sections = [("frontiers", "Frontiers"), ("duels", "Duels"), ("results", "All results")]
    sections += [("area", "Area")] if run.hypervolume else []
    return Contents(
        run=run,
        template="peers/page.html.j2",
        command="compare",
        heading=(
            f"Predicting {run.data.target} on {run.data.name}: fairfactor against other methods, "
            f"by {listed(run.data.sensitive_features)}"
        ),
        summary=_summary(run),
        sections=[*sections, ("budget", "Budget")],
        values={
            "pictures": pictures(run),
            "legend": legend(run),
            "key": key_entries(run),
            "columns": _columns(run),
            "duels": duel_rows(run),
            "duels_in_words": duels_in_words(run),
            "area_metrics": area_metrics(run),
            "area_rows": area_rows(run),
            "no_estimate": NO_ESTIMATE,
            "mean_and_spread": mean_and_spread,
            "target_in_words": target_in_words,
            "labels": {metric.key: metric.label for metric in run.metrics},
        },
        styles=("plane.css", "peers.css"),
    )


def _columns(run: PeersRun) -> list[Metric]:
    """The metrics of the tables: accuracy, the gaps of the pictures, then the others."""
    first = [metric for metric in run.metrics if metric.key == ACCURACY] + list(run.gaps)
    return [*first, *(metric for metric in run.metrics if metric not in first)]


def _summary(run: PeersRun) -> str:
    """What was run, in one sentence."""
    data = run.data
    peers = [row for row in run.measured if not row.ours]
    return (
        f"This run compares fairfactor with {counted(len(peers), 'setting')} of other methods on "
        f"{data.name}, "
        f"predicting {data.target} (positive class {data.positive_class}) by "
        f"{groups_in_words(data)}. All saw the same {counted(data.splits.get('train'), 'row')} for "
        f"training, were tuned on the same {counted(data.splits.get('validation'), 'row')}, and "
        f"are measured on the same {counted(data.splits.get('test'), 'test row')}, with "
        f"{counted(len(run.seeds), 'seed')}."
    )
