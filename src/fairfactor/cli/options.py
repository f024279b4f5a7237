"""Command-line options made from the fields of a configuration dataclass."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from fairfactor.cli.session import Session
from fairfactor.config_file import read_config_file
from fairfactor.errors import ArgumentError
from fairfactor.settings import list_item


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

    A field that is a tuple takes a comma-separated list. A file can set the fields too, with
    ``--config``; what is on the command line overrides it.

    Args:
        command: A function whose first parameters are the session and the configuration, a
            subclass of `Settings`.

    Returns:
        The command, which takes the session first.
    """
    first, config, *others = _parameters(command)
    kind = config.annotation
    hints = typing.get_type_hints(kind)
    by_name = {f.name: f for f in fields(kind)}
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    table = _optional(
        "table", str | None, typer.Argument(help="The same as --data.", metavar="[TABLE]")
    )
    file = _optional(
        "config",
        Path | None,
        typer.Option("--config", help="TOML or YAML file of options; see fairfactor init."),
    )

    def wrapped(
        session: Session,
        *,
        context: typer.Context,
        table: str | None,
        config: Path | None,
        **options: Any,
    ) -> None:
        values = {name: options.pop(name) for name in by_name}
        given = {name: values[name] for name in values if _is_given(context, name)}
        if table is not None:
            given["data"] = table
        from_file = {} if config is None else read_config_file(config, kind)
        command(session, kind.from_dict({**from_file, **_parsed(given, hints)}), **options)

    made = [_parameter(f, hints[f.name]) for f in by_name.values()]
    return _with_parameters(wrapped, command, [first, context, table, file, *made, *others])


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


def _optional(name: str, kind: Any, option: Any) -> inspect.Parameter:
    """A parameter that may be left out."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option is on the command line, as opposed to having its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _flag(name: str, help_text: str) -> inspect.Parameter:
    option = typer.Option(f"--{name}", help=help_text)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option]
    )


def _parameter(option: Field[Any], hint: Any) -> inspect.Parameter:
    """One keyword-only parameter, typed and described for typer."""
    assert option.default is not MISSING
    default, kind = option.default, hint
    if list_item(hint):
        kind = str if option.default is not None else str | None
        default = ",".join(map(str, option.default)) if option.default is not None else None
    flag = typer.Option(f"--{option.name.replace('_', '-')}", help=option.metadata["help"])
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, flag],
    )


def _parsed(given: Mapping[str, Any], hints: Mapping[str, Any]) -> dict[str, Any]:
    """Turn what typer parsed into the values of the fields."""
    items = {name: list_item(hints[name]) for name in given}
    return {
        name: given[name] if item is None else _parse_list(name, given[name], item)
        for name, item in items.items()
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
