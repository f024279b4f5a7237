"""The report page: what `fairfactor.report` renders, put together from its parts."""

from __future__ import annotations

from collections.abc import Mapping

from fairfactor.errors import SavedModelError
from fairfactor.report.columns import columns_section
from fairfactor.report.document import render_document
from fairfactor.report.methods import methods_contents
from fairfactor.report.peers.page import peers_contents
from fairfactor.report.rerun import as_option, rerun_command
from fairfactor.report.run import SMALL_GROUP, DataSummary
from fairfactor.report.tuning.page import tuning_contents
from fairfactor.report.wording import whole

KINDS = {"methods": methods_contents, "tuning": tuning_contents, "peers": peers_contents}


def render_report(metrics: Mapping[str, object], config: Mapping[str, object]) -> str:
    """Render a run as one HTML page that needs no other file and no network.

    Args:
        metrics: The contents of the run's ``metrics.json``, format 1. Its ``kind`` says what the
            page shows: "methods" (the default), "tuning" or "peers".
        config: The contents of the run's ``config.json``: its flat configuration.

    Returns:
        The page, to be written as UTF-8.

    Raises:
        SavedModelError: If ``metrics`` is of an unknown kind, lacks a key, or has a value of the
            wrong type.
    """
    kind = metrics.get("kind", "methods")
    if not isinstance(kind, str) or kind not in KINDS:
        raise SavedModelError(
            f"metrics.json has {kind!r} at 'kind' where one of {', '.join(KINDS)} is expected: it "
            "is damaged or of another version. Run the study again."
        )
    contents = KINDS[kind](metrics, config)
    run = contents.run
    return render_document(
        contents.template,
        styles=contents.styles,
        scripts=contents.scripts,
        **contents.values,
        kind=kind,
        run=run,
        heading=contents.heading,
        summary=contents.summary,
        sections=contents.sections,
        warnings=[finding for finding in run.findings if finding.severity == "warning"],
        notes=[finding for finding in run.findings if finding.severity != "warning"],
        columns_of_table=columns_section(metrics),
        small_groups=_small_groups(run.data),
        small_group=SMALL_GROUP,
        sensitive_inputs=[
            name for name in run.data.sensitive_features if name in run.data.features
        ],
        command=rerun_command(config, contents.command),
        config={name: as_option(value) for name, value in config.items()},
    )


def _small_groups(data: DataSummary) -> list[str]:
    """Groups with too few test rows for their rates to be taken at face value."""
    return [
        f"{group.name} ({whole(group.counts['test'])})"
        for group in data.groups
        if (count := group.counts.get("test")) is not None and count < SMALL_GROUP
    ]
