"""Pre-trained weights of the networks for images: of a file, or of an installed package."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.installed import installed_file
from fairfactor.models.image_networks import IMAGE_NETWORKS, image_network

SIZE_KEY = "image_size"
"""Where the metadata of a file of safetensors tell the size of the images in training."""
_NESTED = ("state_dict", "model")
_PARALLEL = "module."
_COUNT = ".num_batches_tracked"  # which older checkpoints lack


def load_image_network(name: str, weights: Path | None = None) -> nn.Module:
    """Build a network and load every tensor of a checkpoint into it.

    Args:
        name: One of `IMAGE_NETWORKS`.
        weights: File with a state dict under torchvision's names, ``.safetensors`` or what
            `torch.save` wrote; ``None`` takes the ImageNet weights that a package ships.

    Returns:
        The network in evaluation mode, with as many classes as the checkpoint has. If that has no
        last layer, the network has `nn.Identity` in its place.

    Raises:
        SavedModelError: If the file does not fit the network.
    """
    network = image_network(name)
    path = packaged_weights(name) if weights is None else weights
    tensors = network.present_names(read_checkpoint(path))
    rows = tensors.get(f"{network.head}.weight")
    model = network.build(1 if rows is None or rows.ndim != 2 else len(rows))
    if not any(key.startswith(f"{network.head}.") for key in tensors):
        model.set_submodule(network.head, nn.Identity())
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise SavedModelError(
            f"weights {path} do not fit {name}: {_misfit(model.state_dict(), tensors)}. Name the "
            f"architecture that they are of: one of {', '.join(IMAGE_NETWORKS)}."
        ) from error
    return model.eval()


def packaged_weights(name: str) -> Path:
    """Find the ImageNet weights of a network in an installed package, which is not imported.

    Args:
        name: One of `IMAGE_NETWORKS`.

    Returns:
        The file.

    Raises:
        ArgumentError: If no package ships weights of this network.
    """
    package = image_network(name).package
    if package is None:
        shipped = [other for other, network in IMAGE_NETWORKS.items() if network.package]
        raise ArgumentError(
            "weights",
            None,
            f"a file of weights for {name}, as no package ships them",
            f"Name a checkpoint under torchvision's names, or take {' or '.join(shipped)}.",
        )
    return installed_file(*package)


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read a state dict; nothing in the file is executed.

    ``.safetensors`` files are read as such, others by ``torch.load(weights_only=True)``. A state
    dict under the key ``state_dict`` or ``model`` is found, and the prefix ``module.`` of networks
    that were trained in parallel is taken off.

    Args:
        path: The file.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        SavedModelError: If it cannot be read or holds no state dict.
    """
    try:
        found: Any
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, KeyError, RuntimeError, SafetensorError) as error:
        raise SavedModelError(_unreadable(path, error)) from error
    except pickle.UnpicklingError as error:
        raise SavedModelError(
            f"weights {path} hold more than tensors, and nothing else is loaded. Save them with "
            "safetensors.torch.save_file(network.state_dict(), ...)."
        ) from error
    for key in _NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not found or not all(map(_is_entry, found.items())):
        raise SavedModelError(
            f"weights {path} are no state dict. Save network.state_dict() with "
            "safetensors.torch.save_file."
        )
    if all(name.startswith(_PARALLEL) for name in found):
        return {name.removeprefix(_PARALLEL): tensor for name, tensor in found.items()}
    return dict(found)


def trained_size(path: Path) -> int | None:
    """Height and width of the images that weights were trained with.

    Args:
        path: A readable checkpoint.

    Returns:
        The size, if the file is one of safetensors that tells it, as those of `fairfactor pretrain`
        do.
    """
    if path.suffix != ".safetensors":
        return None
    with safe_open(path, framework="pt") as file:
        told = (file.metadata() or {}).get(SIZE_KEY, "")
    return int(told) if told.isdecimal() and int(told) > 0 else None


def _misfit(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """What keeps tensors from being loaded, with one example of each kind."""
    missing = [name for name in expected if name not in found and not name.endswith(_COUNT)]
    unknown = [name for name in found if name not in expected]
    reshaped = [
        f"{name!r} is {tuple(found[name].shape)} and not {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    told = [
        *(f"tensors are missing ({len(missing)}), such as {name!r}" for name in missing[:1]),
        *(f"others are not in it ({len(unknown)}), such as {name!r}" for name in unknown[:1]),
        *reshaped[:1],
    ]
    return "; ".join(told)


def _is_entry(entry: tuple[object, object]) -> bool:
    return isinstance(entry[0], str) and isinstance(entry[1], Tensor)


def _unreadable(path: Path, error: Exception) -> str:
    cause = " ".join(str(error).split())[:200] or type(error).__name__
    return f"weights {path} cannot be read ({cause}). Check the path, or copy the file again."
