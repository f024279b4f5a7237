"""What one kind of report puts into the page that all kinds share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairfactor.report.run import DataSummary, RunFacts
from fairfactor.report.wording import counted, listed


@dataclass(frozen=True)
class Contents:
    """A run as the page shows it.

    Attributes:
        run: The run.
        template: The template, which extends ``page.html.j2``.
        command: The command of fairfactor that made the run.
        heading: The title on the page.
        summary: What was run, in one sentence.
        sections: Anchors and names of the sections between verdict and data.
        values: What else the template uses, by name.
        styles: Style sheets of its own, files of ``static/``.
        scripts: Scripts of its own, files of ``static/``.
    """

    run: RunFacts
    template: str
    command: str
    heading: str
    summary: str
    sections: Sequence[tuple[str, str]]
    values: Mapping[str, object]
    styles: Sequence[str] = ()
    scripts: Sequence[str] = ()


def groups_in_words(data: DataSummary) -> str:
    """By what the data are compared, as in ``sex (Female and Male)``.

    Args:
        data: The data.

    Returns:
        The sensitive features and the groups; long lists of groups are only counted.
    """
    names = listed([group.name for group in data.groups])
    if len(names) > 80:
        names = counted(len(data.groups), "group")
    return listed(data.sensitive_features) + (f" ({names})" if names else "")
