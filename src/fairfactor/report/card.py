"""The model card: what a kept model is, for whom, and how it treats groups, in Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from jinja2 import Environment

from fairfactor.report.fields import NO_VALUE, Fields
from fairfactor.report.jinja import template_environment
from fairfactor.report.kept import KeptModel, read_kept
from fairfactor.report.markdown import as_code, as_markdown, as_yaml
from fairfactor.report.rerun import rerun_command
from fairfactor.report.run import RATES, SMALL_GROUP, Estimate
from fairfactor.report.wording import fixed, whole

DIGITS = 3
LISTED = 5
USAGE = """\
from pathlib import Path

import pandas as pd
from fairfactor.model_loading import load_table_model

model = load_table_model(Path("FOLDER"){})
print(model.predict(pd.read_csv("people.csv")))"""


def render_card(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Write the card of the model that a run keeps.

    It begins with the metadata that the Hugging Face Hub reads. Names of columns, classes and
    groups, counts and rates are in it, and nothing about single people. Every text from the run is
    escaped.

    Args:
        metrics: The contents of the run's ``metrics.json``.
        config: The contents of its ``config.json``.

    Returns:
        Markdown.

    Raises:
        SavedModelError: If the run keeps no model.
    """  # noqa: DOC502 - raised by read_kept
    kept = read_kept(metrics)
    factory = _factory(config)
    data = PurePath(str(config.get("data"))).name  # a card is shown around, and no path with it
    return (
        _environment()
        .get_template("card.md.j2")
        .render(
            kept=kept,
            data=kept.facts.data,
            proxies=_proxies(Fields(metrics).child("data")),
            reported=[metric for metric in kept.facts.metrics if metric.key in kept.metrics],
            rates=RATES,
            small_groups=_small_groups(kept),
            small_group=SMALL_GROUP,
            options=f" --factory {shlex.quote(factory)}" if factory else "",
            usage=USAGE.format(f", factory={factory!r}" if factory else ""),
            command=rerun_command({**config, "data": data}, kept.command),
        )
    )


def with_interval(estimate: Estimate | None, digits: int = DIGITS) -> str:
    """An estimate on one line.

    Args:
        estimate: The estimate.
        digits: Decimal places.

    Returns:
        As in ``0.12 (0.10 to 0.14)``; a dash if there is none.
    """
    if estimate is None or estimate.mean is None:
        return NO_VALUE
    low, high = ("∞" if end is None else fixed(end, digits) for end in estimate.parts[::2])
    return f"{fixed(estimate.mean, digits)} ({low} to {high})"


def _environment() -> Environment:
    """That of Markdown, which is not HTML: ``finalize`` escapes what a template writes."""
    environment = template_environment(
        autoescape=False, finalize=as_markdown, keep_trailing_newline=True
    )
    environment.filters |= {"code": as_code, "with_interval": with_interval, "yaml": as_yaml}
    return environment


def _factory(config: Mapping[str, Any]) -> str | None:
    """The function of the user's own that makes the network."""
    model = config.get("model")
    is_folder = not isinstance(model, str) or ":" not in model or "/" in model or "\\" in model
    return None if is_folder else model


def _small_groups(kept: KeptModel) -> list[str]:
    """Groups with too few test rows for their rates to be taken at face value."""
    return [f"{group.name} ({whole(group.count)})" for group in kept.groups if group.is_small]


def _proxies(data: Fields) -> Mapping[str, Any] | None:
    """How well inputs tell the group, each alone and all together; only tables of users have it."""
    if not data.has("leakage"):
        return None
    leakage = data.child("leakage")
    return {
        "together": leakage.number("group_together"),
        "alone": [
            (column.text("column"), column.number("auc"))
            for column in leakage.children("group")[:LISTED]
        ],
    }
