"""One self-contained HTML document: a template with its style and script, and nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

from markupsafe import Markup

from fairfactor.report.jinja import template_environment


def render_document(
    template: str, *, styles: Sequence[str], scripts: Sequence[str], **values: Any
) -> str:
    """Render a template; every text is escaped.

    The page carries a content security policy that allows its own style and script by their
    hashes and nothing else.

    Args:
        template: Its name.
        styles: Style sheets of this package after the common one.
        scripts: Scripts of this package after the common one.
        values: What the template reads.

    Returns:
        The page, to be written as UTF-8.
    """
    style, script = _static("report.css", *styles), _static("report.js", *scripts)
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        template_environment(autoescape=True)
        .get_template(template)
        .render(values, policy=Markup(policy), style=style, script=script)
    )


def _static(*names: str) -> Markup:
    """Files of this package to be put into the page as they are, one after the other."""
    folder = resources.files("fairfactor.report") / "static"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))


def _digest(text: str) -> str:
    """The source expression of a content security policy for an inline element."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
