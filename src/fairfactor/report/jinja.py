"""The templates of this package, with the words and numbers that all of them write alike."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fairfactor.report.wording import counted, fixed, listed, significant, whole


def template_environment(**options: Any) -> Environment:
    """Set up Jinja so that a name that a template does not know is an error.

    Args:
        options: Those of ``jinja2.Environment`` in which formats differ, such as ``autoescape``.

    Returns:
        The environment, with the filters of `fairfactor.report.wording`.
    """
    environment = Environment(
        loader=PackageLoader("fairfactor.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    environment.filters |= {
        "counted": counted,
        "fixed": fixed,
        "listed": listed,
        "significant": significant,
        "whole": whole,
    }
    return environment
