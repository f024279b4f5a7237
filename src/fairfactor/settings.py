"""Base of every configuration: a frozen dataclass that checks its types and goes through JSON."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from fairfactor.errors import ArgumentError


def option(default: object, help_text: str) -> Any:
    """A field with a help text, from which the command line makes an option.

    Args:
        default: Its default.
        help_text: What it means, in a sentence.

    Returns:
        The field.
    """
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True)
class Settings:
    """A configuration whose fields are texts, numbers, tuples of these, or one of some choices.

    Raises:
        ArgumentError: If a field has a value of another type.
    """

    def __post_init__(self) -> None:
        """Check the type of every field."""
        hints = typing.get_type_hints(type(self))
        for f in fields(self):
            object.__setattr__(self, f.name, _as_type(f.name, getattr(self, f.name), hints[f.name]))

    def to_dict(self) -> dict[str, Any]:
        """The configuration as JSON values.

        Returns:
            One entry a field, tuples as lists.
        """
        values = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read a configuration that `to_dict` wrote; missing fields take their defaults.

        Args:
            values: One entry a field.

        Returns:
            The checked configuration.

        Raises:
            ArgumentError: If a field is unknown, or a value has the wrong type or cannot be used.
        """  # noqa: DOC502 - raised by check_choice and by __post_init__
        known = tuple(f.name for f in fields(cls))
        for name in values:
            check_choice("configuration key", name, known)
        return cls(**values)


def list_item(hint: Any) -> type | None:
    """The type of the items of a field that holds a list, or nothing or a list.

    Args:
        hint: The type of the field.

    Returns:
        The type; ``None`` if the field holds no list.
    """
    for kind in (hint, *typing.get_args(hint)):
        if typing.get_origin(kind) is tuple:
            item: type = typing.get_args(kind)[0]
            return item
    return None


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Check that a name is known.

    Args:
        name: Name of the argument.
        value: Its value.
        choices: The names there are.

    Raises:
        ArgumentError: If it is not; the nearest one is suggested.
    """
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else ""
        raise ArgumentError(name, value, f"one of {', '.join(choices)}", remedy)


def check_choices(name: str, values: tuple[object, ...], choices: tuple[str, ...]) -> None:
    """Check that one or more different names are known.

    Args:
        name: Name of the argument.
        values: Its value.
        choices: The names there are.

    Raises:
        ArgumentError: If there are none, one is there twice, or one is not known.
    """
    if not values or len(set(values)) != len(values):
        raise ArgumentError(name, values, f"one or more different names of {', '.join(choices)}")
    for value in values:
        check_choice(name, value, choices)


def _as_type(name: str, value: object, hint: Any) -> object:
    """Take a value, such as one from JSON, as the type of a field, exactly.

    Returns:
        The value, with tuples for lists.

    Raises:
        ArgumentError: If it is of another type, or not among the choices.
    """
    if typing.get_origin(hint) is tuple:
        if isinstance(value, (list, tuple)):
            return tuple(_as_type(name, item, typing.get_args(hint)[0]) for item in value)
    elif typing.get_origin(hint) in {types.UnionType, typing.Union}:
        if value is None:
            return None
        return _as_type(
            name, value, next(h for h in typing.get_args(hint) if h is not types.NoneType)
        )
    elif typing.get_origin(hint) is Literal:
        check_choice(name, value, typing.get_args(hint))
        return value
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif type(value) is hint:
        return value
    raise ArgumentError(name, value, f"a value of type {getattr(hint, '__name__', hint)}")
