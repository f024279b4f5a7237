"""A configuration as a file: read, written as a commented template, described for editors."""

from __future__ import annotations

import json
import textwrap
import tomllib
import types
import typing
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from fairfactor.errors import ArgumentError, DataError
from fairfactor.optional import optional_module
from fairfactor.settings import Settings, check_choice, list_item

_WIDTH = 98
_JSON_TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def read_config_file(path: Path, kind: type[Settings]) -> dict[str, Any]:
    """Read the fields of a configuration that a TOML or YAML file sets.

    Args:
        path: The file; YAML if its name ends with ``.yaml`` or ``.yml``.
        kind: The configuration.

    Returns:
        Values by the name of the field. A list may be written as one text with commas. An unknown
        key is an ``ArgumentError`` that suggests the nearest one.

    Raises:
        DataError: If the file cannot be read or has another form.
    """
    parse = _parse_yaml if path.suffix.lower() in {".yaml", ".yml"} else tomllib.loads
    form = "TOML" if parse is tomllib.loads else "YAML"
    try:
        content = parse(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"config {path} cannot be read ({error.strerror}).") from error
    except DataError:
        raise
    except Exception as error:  # the parsers have no common ancestor
        cause = " ".join(str(error).split())
        raise DataError(f"config {path} is not {form} ({cause}). Correct it there.") from error
    if not isinstance(content, dict):
        raise DataError(f"config {path} holds no names with values. Write them as target: hired.")
    known = {field.name: field for field in fields(kind)}
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in content.items():
        name = str(key).replace("-", "_")
        check_choice(f"key in {path}", name, tuple(known))
        item = list_item(hints[name])
        values[name] = _listed(value, item) if item else value
    return values


def config_template(kind: type[Settings], command: str, file: str) -> str:
    """Write a TOML file with every field, its help and its default.

    Args:
        kind: The configuration.
        command: The command that takes it.
        file: Name of the file, for the first line.

    Returns:
        The text, which means the defaults as it is.
    """
    lines = [
        f"# fairfactor {command} --config {file}",
        "# Every option with its default. An option on the command line overrides its line here.",
        "# Paths are relative to the folder in which the command is started.",
    ]
    for field in fields(kind):
        lines += ["", *_commented(field.metadata["help"])]
        if field.default is None:
            lines.append(f"# {field.name} = ")
        else:
            lines.append(f"{field.name} = {_toml(field.default)}")
    return "\n".join(lines) + "\n"


def config_schema(kind: type[Settings]) -> dict[str, Any]:
    """Describe a configuration as a JSON schema, which editors use to check and complete.

    Args:
        kind: The configuration.

    Returns:
        The schema (draft 2020-12).
    """
    hints = typing.get_type_hints(kind)
    properties = {}
    for field in fields(kind):
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        described = {**_schema_of(hints[field.name]), "description": field.metadata["help"]}
        properties[field.name] = described if default is None else {**described, "default": default}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.__name__,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _parse_yaml(text: str) -> Any:
    """Parse YAML without anything that could run."""
    yaml = optional_module(
        "yaml",
        DataError(
            "a YAML config needs pyyaml: install it with pip install 'fairfactor[yaml]', or write "
            "the config as TOML."
        ),
    )
    return yaml.safe_load(text) or {}


def _listed(value: object, kind: Callable[[str], object]) -> object:
    """A list that was written as one text, as on the command line."""
    if not isinstance(value, str):
        return value
    items = [item.strip() for item in value.split(",") if item.strip()]
    try:
        return [kind(item) for item in items]
    except ValueError:
        raise ArgumentError("list", value, "items of one kind, separated by commas") from None


def _commented(text: str) -> list[str]:
    lines = textwrap.wrap(text, _WIDTH, break_on_hyphens=False)  # names of recipes have some
    return [f"# {line}" for line in lines]


def _toml(value: object) -> str:
    """Texts, numbers, booleans and lists of these are the same in JSON and in TOML."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _schema_of(hint: Any) -> dict[str, Any]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return {"type": "array", "items": _schema_of(inner[0])}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in {types.UnionType, typing.Union}:
        return {"anyOf": [_schema_of(kind) for kind in inner]}
    return {"type": "null"} if hint is types.NoneType else {"type": _JSON_TYPES[hint]}
