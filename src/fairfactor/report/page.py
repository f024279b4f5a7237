"""The report page: what `fairfactor.report` renders, put together from its parts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fairfactor.errors import SavedModelError
from fairfactor.report.columns import columns_section
from fairfactor.report.methods import methods_contents
from fairfactor.report.peers.page import peers_contents
from fairfactor.report.rerun import as_option, rerun_command
from fairfactor.report.run import SMALL_GROUP, DataSummary
from fairfactor.report.tuning.page import tuning_contents
from fairfactor.report.wording import counted, fixed, listed, significant, whole

KINDS = {"methods": methods_contents, "tuning": tuning_contents, "peers": peers_contents}


def render_report(metrics: Mapping[str, object], config: Mapping[str, object]) -> str:
    """Render a run as one HTML page that needs no other file and no network.

    The page carries a content security policy that allows its own style and script by their
    hashes and nothing else. Every text from the run is escaped.

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
    style = _static("report.css", *contents.styles)
    script = _static("report.js", *contents.scripts)
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(contents.template)
        .render(
            contents.values,
            kind=kind,
            policy=Markup(policy),
            style=style,
            script=script,
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
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fairfactor.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "counted": counted,
        "fixed": fixed,
        "listed": listed,
        "significant": significant,
        "whole": whole,
    }
    return environment


def _static(*names: str) -> Markup:
    """Files of this package to be put into the page as they are, one after the other."""
    folder = resources.files("fairfactor.report") / "static"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))


def _digest(text: str) -> str:
    """The source expression of a content security policy for an inline element."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _small_groups(data: DataSummary) -> list[str]:
    """Groups with too few test rows for their rates to be taken at face value."""
    return [
        f"{group.name} ({whole(group.counts['test'])})"
        for group in data.groups
        if (count := group.counts.get("test")) is not None and count < SMALL_GROUP
    ]
