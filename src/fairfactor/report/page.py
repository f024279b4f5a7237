"""The report page: what `fairfactor.report` renders, put together from its parts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fairfactor.report.differences import difference_tables
from fairfactor.report.importance import importance_figure
from fairfactor.report.panels import line_reference, panels
from fairfactor.report.rates import rate_axes, rate_tables
from fairfactor.report.read import read_run
from fairfactor.report.rerun import as_option, rerun_command
from fairfactor.report.run import RATES, DataSummary, Run
from fairfactor.report.summary import summary_rows
from fairfactor.report.wording import counted, fixed, listed, significant, whole

SMALL_GROUP = 100  # test rows; a rate from so few has a 95 % interval of about ± 10 points


def render_report(metrics: Mapping[str, object], config: Mapping[str, object]) -> str:
    """Render a run as one HTML page that needs no other file and no network.

    The page carries a content security policy that allows its own style and script by their
    hashes and nothing else. Every text from the run is escaped.

    Args:
        metrics: The contents of the run's ``metrics.json``, format 1.
        config: The contents of the run's ``config.json``: its flat configuration.

    Returns:
        The page, to be written as UTF-8.

    Raises:
        SavedModelError: If ``metrics`` lacks a key or has a value of the wrong type.
    """  # noqa: DOC502 - raised by read_run
    run = read_run(metrics)
    style, script = _static("report.css"), _static("report.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            policy=Markup(policy),
            style=style,
            script=script,
            run=run,
            summary=_summary(run, config),
            warnings=[finding for finding in run.findings if finding.severity == "warning"],
            notes=[finding for finding in run.findings if finding.severity != "warning"],
            panels=panels(run),
            summary_rows=summary_rows(run),
            difference_tables=difference_tables(run),
            line_reference=line_reference(run),
            figure=importance_figure(run.importance) if run.importance else None,
            rates=RATES,
            rate_axes=rate_axes(run),
            rate_tables=rate_tables(run),
            small_groups=_small_groups(run.data),
            small_group=SMALL_GROUP,
            sensitive_inputs=[
                name for name in run.data.sensitive_features if name in run.data.features
            ],
            command=rerun_command(config),
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


def _static(name: str) -> Markup:
    """A file of this package to be put into the page as it is."""
    path = resources.files("fairfactor.report") / "static" / name
    return Markup(path.read_text(encoding="utf-8"))


def _digest(text: str) -> str:
    """The source expression of a content security policy for an inline element."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _summary(run: Run, config: Mapping[str, object]) -> str:
    """What was run, in one sentence."""
    data = run.data
    hidden = config.get("hidden")
    layers = ""
    if isinstance(hidden, (list, tuple)) and hidden:
        layer = "a hidden layer" if len(hidden) == 1 else "hidden layers"
        layers = f" with {layer} of {listed([str(width) for width in hidden])} units"
    names = listed([group.name for group in data.groups])
    if len(names) > 80:
        names = counted(len(data.groups), "group")
    named = f" ({names})" if names else ""
    return (
        f"This run fine-tunes {counted(len(run.methods), 'variant')} of a pre-trained "
        f"network{layers} on {counted(data.splits.get('train'), 'row')} of {data.name} to predict "
        f"{data.target} (positive class {data.positive_class}), and compares them by "
        f"{listed(data.sensitive_features)}{named} on "
        f"{counted(data.splits.get('test'), 'test row')}, with {counted(run.seed_count, 'seed')} "
        "each."
    )


def _small_groups(data: DataSummary) -> list[str]:
    """Groups with too few test rows for their rates to be taken at face value."""
    return [
        f"{group.name} ({whole(group.counts['test'])})"
        for group in data.groups
        if (count := group.counts.get("test")) is not None and count < SMALL_GROUP
    ]
