"""Texts of the user's in Markdown, YAML and code blocks, where they can be nothing but text."""

from __future__ import annotations

import json
import re

from markupsafe import Markup, escape

_PUNCTUATION = re.compile(r"[\\`*_\[\]|~$#!{}@]")
_BLOCK_START = re.compile(r"^\d+[.)](?=\s|$)|^[-+=:]")
_SPACE = re.compile(r"\s+")
_ADDRESS = re.compile(r"(?i)\b(?:https?|ftp|mailto):|\bwww\.")
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def as_markdown(value: object) -> object:
    """Escape a value for running text, a list or a table cell, on one line.

    Used as the ``finalize`` of a template, so that nothing is left out.

    Args:
        value: Anything; what is `Markup` already is kept.

    Returns:
        The escaped text.
    """
    if isinstance(value, Markup):
        return value
    text = str(escape(_SPACE.sub(" ", str(value)))).replace("&#34;", '"').replace("&#39;", "'")
    text = _PUNCTUATION.sub(_escape_last, text)
    return Markup(_BLOCK_START.sub(_escape_last, _ADDRESS.sub(_escape_last, text)))


def as_yaml(value: object) -> Markup:
    """Write a text or number as a YAML scalar.

    Args:
        value: The value.

    Returns:
        A number as it is, anything else in double quotes, as JSON and YAML both read it.
    """
    written = json.dumps(
        value if isinstance(value, (int, float)) else str(value), ensure_ascii=False
    )
    return Markup(_NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", written))


def as_code(text: str, language: str = "") -> Markup:
    """A fenced block of code that no text in it can end.

    Args:
        text: The code.
        language: For the colours.

    Returns:
        The block.
    """
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}{language}\n{text}\n{fence}")


def _escape_last(found: re.Match[str]) -> str:
    """Put a backslash before the last character of what was found."""
    return f"{found[0][:-1]}\\{found[0][-1]}"
