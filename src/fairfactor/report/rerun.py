"""The command that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping


def rerun_command(config: Mapping[str, object], command: str = "run") -> str:
    """The command line with every option of a configuration, one on each line.

    Args:
        config: The flat configuration of the run; an entry without a value is
            left out, and so is a flag that is not set.
        command: The command of fairfactor that made the run.

    Returns:
        A command for a POSIX shell.
    """
    options = [
        f"--{name.replace('_', '-')}"
        if value is True
        else f"--{name.replace('_', '-')} {shlex.quote(as_option(value))}"
        for name, value in config.items()
        if value is not None and value is not False and value != []
    ]
    return " \\\n  ".join([f"fairfactor {command}", *options])


def as_option(value: object) -> str:
    """A value as the command line takes it: lists are comma-separated; a flag as yes or no.

    Args:
        value: A value from a configuration.

    Returns:
        The text of the option; a dash for no value.
    """
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(as_option(item) for item in value)
    return str(value)
