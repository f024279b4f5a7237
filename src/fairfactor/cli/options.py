"""Command-line options made from the fields of a configuration dataclass."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, get_args, get_origin

import typer

from fairfactor.cli.session import Session
from fairfactor.errors import ArgumentError


def with_session(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options ``--json`` and ``--debug``, and one-line errors.

    Args:
        command: A function whose first parameter is the `Session`.

    Returns:
        The command, with a signature that typer reads.
    """

    def wrapped(*, json: bool, debug: bool, **options: Any) -> None:
        session = Session(json=json, debug=debug)
        with session.reporting_errors():
            command(session, **options)

    flags = [
        _flag("json", "Print one JSON object for machines."),
        _flag("debug", "Show the traceback of an error."),
    ]
    return _with_parameters(wrapped, command, [*_parameters(command)[1:], *flags])


def with_config_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each field of its configuration, and pass it that.

    A field that is a tuple takes a comma-separated list.

    Args:
        command: A function whose first parameters are the session and the configuration, a
            subclass of `Settings`.

    Returns:
        The command, which takes the session first.
    """
    first, config, *others = _parameters(command)
    hints = typing.get_type_hints(config.annotation)
    by_name = {f.name: f for f in fields(config.annotation)}
    table = inspect.Parameter(
        "table",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[
            str | None, typer.Argument(help="The same as --data.", metavar="[TABLE]")
        ],
    )

    def wrapped(session: Session, *, table: str | None, **options: Any) -> None:
        given = {name: options.pop(name) for name in by_name}
        if table is not None:
            given["data"] = table
        command(session, config.annotation(**_parsed(given, hints)), **options)

    made = [_parameter(f, hints[f.name]) for f in by_name.values()]
    return _with_parameters(wrapped, command, [first, table, *made, *others])


def _parameters(command: Callable[..., None]) -> list[inspect.Parameter]:
    return list(inspect.signature(command, eval_str=True).parameters.values())


def _with_parameters(
    wrapped: Callable[..., None],
    command: Callable[..., None],
    parameters: list[inspect.Parameter],
) -> Callable[..., None]:
    """Give a function the name and text of a command, and the parameters that typer shall read."""
    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    named = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    wrapped.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in named}
    return wrapped


def _flag(name: str, help_text: str) -> inspect.Parameter:
    option = typer.Option(f"--{name}", help=help_text)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option]
    )


def _parameter(option: Field[Any], hint: Any) -> inspect.Parameter:
    """One keyword-only parameter, typed and described for typer."""
    assert option.default is not MISSING
    default, kind = option.default, hint
    if get_origin(hint) is tuple:
        kind, default = str, ",".join(str(item) for item in option.default)
    flag = typer.Option(f"--{option.name.replace('_', '-')}", help=option.metadata["help"])
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, flag],
    )


def _parsed(given: Mapping[str, Any], hints: Mapping[str, Any]) -> dict[str, Any]:
    """Turn what typer parsed into the values of the fields."""
    return {
        name: _parse_list(name, value, get_args(hints[name])[0])
        if get_origin(hints[name]) is tuple
        else value
        for name, value in given.items()
    }


def _parse_list(name: str, text: str, kind: type) -> tuple[Any, ...]:
    """Parse a comma-separated list.

    Returns:
        Its items, empty ones left out.

    Raises:
        ArgumentError: If an item is not of the kind wanted.
    """
    try:
        return tuple(kind(item.strip()) for item in text.split(",") if item.strip())
    except ValueError:
        raise ArgumentError(
            f"--{name.replace('_', '-')}", text, f"a comma-separated list of {kind.__name__} values"
        ) from None
