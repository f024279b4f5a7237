"""Save a model after surgery, and load it into a freshly built one."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import fairfactor
from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.files import atomic_folder, explain_failed_write, require_writable
from fairfactor.surgery.layer_shape import LayerShape, LowRankLayer
from fairfactor.surgery.record import LayerRecord
from fairfactor.surgery.replace import exchange, find_layer, require_replaceable, take_over
from fairfactor.surgery.saved_config import CONFIG_LIMIT, SavedConfig, sha256
from fairfactor.surgery.tensors import digest, find_aliases, state_tensors
from fairfactor.surgery.trainable import lock

CONFIG_FILE = "config.json"
TENSORS_FILE = "model.safetensors"
_CONFIG_DIGEST = "config_sha256"
_RESTORE = "Restore the folder from a copy or save the model again."
_REBUILD = "Build the architecture that was saved."


def save_model(
    model: nn.Module, folder: str | Path, *, extra: Mapping[str, Any] | None = None
) -> None:
    """Save a model as ``config.json`` and ``model.safetensors``, both or neither.

    The config holds a SHA-256 over the tensors and the tensor file one over the config, so that
    any later change is found. Whoever can write the folder can also compute new digests: they
    protect against damage, not against forgery.

    Args:
        model: The model, with or without low-rank layers.
        folder: A new or empty folder, or one that `save_model` wrote, which is replaced.
        extra: JSON values to keep with the model.

    Raises:
        ArgumentError: ``extra`` is not JSON, or the folder cannot be written.
    """
    model = _uncompiled(model)
    tensors = state_tensors(model)
    aliases = find_aliases(tensors)
    stored = {name: tensor for name, tensor in tensors.items() if name not in aliases}
    config = SavedConfig(
        fairfactor_version=fairfactor.__version__,
        layers={
            name: LayerRecord.of(module)
            for name, module in model.named_modules()
            if isinstance(module, LowRankLayer)
        },
        aliases=aliases,
        tensors_sha256=digest(stored),
        extra=extra or {},
    ).to_bytes()
    size = sum(tensor.nbytes for tensor in stored.values())
    require_writable(folder, bytes_needed=size + len(config))
    with atomic_folder(folder, replaceable={CONFIG_FILE, TENSORS_FILE}) as temporary:
        (temporary / CONFIG_FILE).write_bytes(config)
        # A clone of its own for each: overlapping views are separate tensors in the file.
        separate = {name: tensor.cpu().contiguous().clone() for name, tensor in stored.items()}
        try:
            save_file(separate, temporary / TENSORS_FILE, {_CONFIG_DIGEST: sha256(config)})
        except SafetensorError as error:
            raise ArgumentError("folder", str(folder), *explain_failed_write(error)) from error
        # safetensors writes for the owner alone; give the file the usual permissions.
        shutil.copymode(temporary / CONFIG_FILE, temporary / TENSORS_FILE)


def read_saved_config(folder: str | Path) -> SavedConfig:
    """Read and check ``config.json`` without reading the tensors.

    Args:
        folder: A folder that `save_model` wrote.

    Returns:
        The config.

    Raises:
        SavedModelError: A file is missing, damaged, altered or of another format version.
    """
    folder = Path(folder)
    try:
        if (folder / CONFIG_FILE).stat().st_size > CONFIG_LIMIT:
            raise SavedModelError(f"{folder / CONFIG_FILE} is too large to be a config. {_RESTORE}")
        data = (folder / CONFIG_FILE).read_bytes()
    except OSError as error:
        raise SavedModelError(
            f"{folder / CONFIG_FILE} cannot be read ({error.strerror}). "
            "Name a folder that save_model wrote."
        ) from error
    config = SavedConfig.from_bytes(data)
    try:
        with safe_open(folder / TENSORS_FILE, framework="pt") as file:
            metadata = file.metadata()
    except (OSError, SafetensorError) as error:
        raise SavedModelError(_unreadable_tensors(folder, error)) from error
    if metadata != {_CONFIG_DIGEST: sha256(data)}:
        raise SavedModelError(
            f"{folder / CONFIG_FILE} was altered, or belongs to another {TENSORS_FILE}: its "
            f"SHA-256 is not the one recorded there. {_RESTORE}"
        )
    return config


def load_model(model: nn.Module, folder: str | Path) -> nn.Module:
    """Repeat the saved surgery on a freshly built model, then load every tensor.

    On any mismatch the model is left as it was.

    Args:
        model: The architecture that was saved, before surgery; changed in place. Layers that are
            low-rank already must have the saved sizes.
        folder: A folder that `save_model` wrote.

    Returns:
        The same model.

    Raises:
        SavedModelError: A file is missing, damaged or altered, or does not fit the model.
    """
    folder = Path(folder)
    target = _uncompiled(model)
    config = read_saved_config(folder)
    stored = _read_tensors(folder, config.tensors_sha256)
    dangling = sorted(set(config.aliases.values()) - stored.keys())
    if dangling:
        raise SavedModelError(f"{folder}: aliases name no tensor {dangling[0]!r}. {_RESTORE}")
    tensors = stored | {alias: stored[name] for alias, name in config.aliases.items()}
    replaced: list[tuple[nn.Module, nn.Module]] = []
    try:
        for name, record in config.layers.items():
            replaced.append(_operate(target, name, record))
        _require_fit(state_tensors(target), tensors)
        target.load_state_dict(tensors)
    except BaseException:
        for fresh, operated in reversed(replaced):
            exchange(target, operated, fresh)
        raise
    for name, record in config.layers.items():
        layer = cast("LowRankLayer", target.get_submodule(name))
        for factor in record.locked:
            lock(layer, factor)
    return model


def _operate(model: nn.Module, name: str, record: LayerRecord) -> tuple[nn.Module, nn.Module]:
    """Replace one layer of a fresh model, unless it is low-rank already.

    Returns:
        The old layer and the new one.

    Raises:
        SavedModelError: The model has no such layer, or it has other sizes.
    """
    if name == "" and isinstance(model, LowRankLayer):
        layer: nn.Module = model
    else:
        layer = _named_layer(model, name)
    if isinstance(layer, LowRankLayer):
        found = LayerRecord.of(layer)
        if (found.shape, found.rank, found.bias) != (record.shape, record.rank, record.bias):
            raise SavedModelError(
                f"{name!r} is low-rank already, {found}; saved is {record}. "
                "Build the model without surgery and load again."
            )
        return layer, layer
    shape, has_bias = LayerShape.of(layer), layer.bias is not None
    # Surgery may have added a bias (the correction), but it never takes one away.
    if shape != record.shape or (has_bias and not record.bias):
        raise SavedModelError(
            f"{name!r} is {shape} with bias={has_bias}, saved is {record.shape} with "
            f"bias={record.bias}. {_REBUILD}"
        )
    replacement = record.build(layer)
    take_over(layer, replacement)
    exchange(model, layer, replacement)
    return layer, replacement


def _named_layer(model: nn.Module, name: str) -> nn.Module:
    """Find a layer that is low-rank or can be replaced.

    Returns:
        The layer.

    Raises:
        SavedModelError: There is none of this name.
    """
    try:
        layer = find_layer(model, name)
        LayerShape.of(layer, name)
        if not isinstance(layer, LowRankLayer):
            require_replaceable(model, name, layer)
    except ArgumentError as error:
        raise SavedModelError(f"The saved surgery does not fit the model: {error}") from error
    return layer


def _require_fit(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Check names, shapes, dtypes and ties before the first value is copied.

    Raises:
        SavedModelError: Something does not fit.
    """
    missing, unknown = expected.keys() - found.keys(), found.keys() - expected.keys()
    if missing or unknown:
        raise SavedModelError(
            f"The saved tensors do not fit the model: it needs {_some(missing)} that are not saved,"
            f" and {_some(unknown)} saved are not in it. {_REBUILD}"
        )
    for name, tensor in expected.items():
        saved = found[name]
        if saved.shape != tensor.shape:
            raise SavedModelError(
                f"{name!r} has shape {tuple(tensor.shape)} in the model and {tuple(saved.shape)} "
                f"in {TENSORS_FILE}. {_REBUILD}"
            )
        if saved.dtype != tensor.dtype:
            raise SavedModelError(
                f"{name!r} is {tensor.dtype} in the model and {saved.dtype} in {TENSORS_FILE}. "
                f"Call model.to({saved.dtype}) first."
            )
    for alias, name in find_aliases(expected).items():
        if not torch.equal(found[alias], found[name]):
            raise SavedModelError(
                f"{alias!r} and {name!r} are tied in the model and differ in {TENSORS_FILE}. "
                "Untie them and load again."
            )


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return ", ".join(map(repr, ordered[:3])) + more if ordered else "none"


def _read_tensors(folder: Path, expected_digest: str) -> dict[str, Tensor]:
    try:
        tensors = load_file(folder / TENSORS_FILE)
    except (OSError, SafetensorError) as error:
        raise SavedModelError(_unreadable_tensors(folder, error)) from error
    if digest(tensors) != expected_digest:
        raise SavedModelError(
            f"{folder / TENSORS_FILE} was altered: its SHA-256 is not the one in {CONFIG_FILE}. "
            f"{_RESTORE}"
        )
    return tensors


def _unreadable_tensors(folder: Path, error: Exception) -> str:
    return f"{folder / TENSORS_FILE} cannot be read ({error}). {_RESTORE}"


def _uncompiled(model: nn.Module) -> nn.Module:
    """Look inside `torch.compile`, which puts a prefix before every name."""
    return cast("nn.Module", getattr(model, "_orig_mod", model))
