"""Packages that fairfactor works without, imported where they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def optional_module(name: str, refusal: Exception) -> Any:
    """Import a module of an optional package.

    Args:
        name: The module.
        refusal: What is raised if it is not installed; it says how to install it.

    Returns:
        The module.

    Raises:
        Exception: The refusal.
    """  # noqa: DOC502 - raised as it was given
    try:
        return import_module(name)
    except ImportError as error:
        raise refusal from error
