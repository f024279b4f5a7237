"""The command line: options in, one call of the library, paths and a summary out."""

from __future__ import annotations

from fairfactor.cli.app import main

__all__ = ["main"]
