"""Nested records of numbers, texts, arrays and tensors as JSON and safetensors, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

VALUE_FILE = "value.json"
ARRAYS_FILE = "arrays.safetensors"


def save_value(value: object, folder: Path) -> None:
    """Write a value.

    Args:
        value: Any nesting of dataclasses, named tuples, mappings, lists, tuples, arrays, tensors
            and plain values.
        folder: An existing folder.
    """
    arrays: dict[str, Tensor] = {}
    tree = _encode(value, arrays)
    (folder / VALUE_FILE).write_text(json.dumps(tree), encoding="utf-8")
    if arrays:
        save_file(arrays, folder / ARRAYS_FILE)


def load_value(folder: Path, kinds: Sequence[type]) -> Any:
    """Read a value; nothing but the constructors of some dataclasses is called.

    Args:
        folder: Where `save_value` wrote.
        kinds: The dataclasses and named tuples that may be in it.

    Returns:
        An equal value.
    """
    tree = json.loads((folder / VALUE_FILE).read_text(encoding="utf-8"))
    arrays = load_file(folder / ARRAYS_FILE) if (folder / ARRAYS_FILE).exists() else {}
    return _decode(tree, arrays, {kind.__name__: kind for kind in kinds})


def _encode(value: Any, arrays: dict[str, Tensor]) -> Any:
    """Describe a value by JSON values, each container as an object that tells its kind.

    Returns:
        The description.

    Raises:
        TypeError: If the value is of another kind.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, np.ndarray | Tensor):
        kind = "tensor" if isinstance(value, Tensor) else "array"
        name = str(len(arrays))
        tensor = value.detach() if isinstance(value, Tensor) else torch.from_numpy(value.copy())
        arrays[name] = tensor.contiguous().clone()
        return {kind: name}
    if is_dataclass(value) and not isinstance(value, type):
        content = {f.name: _encode(getattr(value, f.name), arrays) for f in fields(value)}
        return {"record": type(value).__name__, "fields": content}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):  # a named tuple
        content = {name: _encode(item, arrays) for name, item in value._asdict().items()}
        return {"record": type(value).__name__, "fields": content}
    if isinstance(value, Mapping):
        return {"map": [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [_encode(item, arrays) for item in value]}
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _decode(tree: Any, arrays: Mapping[str, Tensor], kinds: Mapping[str, type]) -> Any:
    """Read what `_encode` described."""
    if not isinstance(tree, dict):
        return tree
    if "record" in tree:
        values = {name: _decode(item, arrays, kinds) for name, item in tree["fields"].items()}
        return kinds[tree["record"]](**values)
    [(kind, content)] = tree.items()
    if kind == "tensor":
        return arrays[content]
    if kind == "array":
        return arrays[content].numpy()
    if kind == "map":
        return {_decode(k, arrays, kinds): _decode(v, arrays, kinds) for k, v in content}
    items = [_decode(item, arrays, kinds) for item in content]
    return tuple(items) if kind == "tuple" else items
