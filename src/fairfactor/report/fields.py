"""Typed reading of JSON objects, with errors that name the key."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fairfactor.errors import SavedModelError

NO_VALUE = "—"
_TURNING = "\u202a\u202b\u202d\u202e"  # embeddings and overrides, from left or from right


class Fields:
    """A JSON object of ``metrics.json`` whose entries are read by key and type.

    Every method raises `SavedModelError`, naming the key, if the key is missing or its value is
    of another type. Null is a value of every type, as the methods say.

    Args:
        values: The object, as ``json.load`` returns it.
        path: Where the object stands in the file, for messages; empty for the whole file.

    Raises:
        SavedModelError: If ``values`` is not an object.
    """

    def __init__(self, values: object, path: str = "") -> None:
        if not isinstance(values, Mapping):
            raise SavedModelError(_wrong_type(path or "its top level", values, "an object"))
        self._values: Mapping[str, object] = values
        self._path = path

    def is_null(self, key: str) -> bool:
        """Whether a required entry is null."""
        return self._get(key) is None

    def has(self, key: str) -> bool:
        """Whether an optional entry is there and not null."""
        return self._values.get(key) is not None

    def text(self, key: str) -> str:
        """A string or a number as text; null becomes a dash."""
        return _as_text(self._get(key), self._name(key))

    def number(self, key: str) -> float | None:
        """A number; ``None`` for null and for what is not finite."""
        return _as_number(self._get(key), self._name(key))

    def flag(self, key: str) -> bool:
        """A Boolean; null counts as false."""
        return bool(self._get(key))

    def optional_flag(self, key: str) -> bool | None:
        """A Boolean; ``None`` for null."""
        return None if self.is_null(key) else self.flag(key)

    def optional_text(self, key: str) -> str | None:
        """A string or a number as text; ``None`` for null."""
        return None if self.is_null(key) else self.text(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; null is an empty list."""
        return tuple(_as_text(item, self._name(key)) for item in self._list(key))

    def numbers(self, key: str) -> tuple[float | None, ...]:
        """A list of numbers; null is an empty list."""
        return tuple(_as_number(item, self._name(key)) for item in self._list(key))

    def matrix(self, key: str) -> tuple[tuple[float | None, ...], ...]:
        """A list of lists of numbers; null is an empty list."""
        name = self._name(key)
        return tuple(
            tuple(_as_number(item, name) for item in _as_list(row, name)) for row in self._list(key)
        )

    def child(self, key: str) -> Fields:
        """An object."""
        return Fields(self._get(key), self._name(key))

    def without(self, *keys: str) -> Fields:
        """This object less some of its entries."""
        kept = {key: value for key, value in self._values.items() if key not in keys}
        return Fields(kept, self._path)

    def children(self, key: str) -> tuple[Fields, ...]:
        """A list of objects; null is an empty list."""
        name = self._name(key)
        return tuple(Fields(item, f"{name}[{i}]") for i, item in enumerate(self._list(key)))

    def optional_children(self, key: str) -> tuple[Fields, ...]:
        """A list of objects that older versions do not write; without it an empty list."""
        return self.children(key) if self.has(key) else ()

    def named_children(self) -> dict[str, Fields]:
        """Every entry of this object that is not null, each an object itself."""
        return {key: self.child(key) for key in self._values if not self.is_null(key)}

    def named_numbers(self) -> dict[str, float | None]:
        """Every entry of this object, each a number."""
        return {key: self.number(key) for key in self._values}

    def named_texts(self) -> dict[str, str]:
        """Every entry of this object as text."""
        return {key: self.text(key) for key in self._values}

    def named_flags(self) -> dict[str, bool]:
        """Every entry of this object, each a Boolean."""
        return {key: self.flag(key) for key in self._values}

    def _get(self, key: str) -> object:
        if key not in self._values:
            raise SavedModelError(
                f"metrics.json has no key {self._name(key)!r}: it is damaged or of another "
                "version. Run the study again."
            )
        return self._values[key]

    def _list(self, key: str) -> tuple[object, ...]:
        return _as_list(self._get(key), self._name(key))

    def _name(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key


def _as_text(value: object, name: str) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        raise SavedModelError(_wrong_type(name, value, "a string"))
    return NO_VALUE if value is None else _in_reading_order(str(value))


def _in_reading_order(text: str) -> str:
    """Keep marks that turn the reading order from turning what follows on the page as well."""
    turned = any(mark in text for mark in _TURNING)
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}" if turned else text


def _as_number(value: object, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SavedModelError(_wrong_type(name, value, "a number or null"))
    return float(value) if math.isfinite(value) else None


def _as_list(value: object, name: str) -> tuple[object, ...]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise SavedModelError(_wrong_type(name, value, "a list"))
    return tuple(value)


def _wrong_type(name: str, value: object, expected: str) -> str:
    return (
        f"metrics.json has a {type(value).__name__} at {name!r} where {expected} is expected: "
        "it is damaged or of another version. Run the study again."
    )
