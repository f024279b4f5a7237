"""The tensors of a model: which share memory, and a digest of their contents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fairfactor.errors import SavedModelError


def state_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Collect the state dict of a model and check that every entry can be saved.

    Args:
        model: The model.

    Returns:
        Parameters and persistent buffers by name.

    Raises:
        SavedModelError: An entry is not an ordinary dense tensor with values.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if not isinstance(value, Tensor):
            raise SavedModelError(
                f"state_dict()[{name!r}] is a {type(value).__name__}, only tensors can be saved. "
                "Remove the module's get_extra_state or keep that value in `extra`."
            )
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            raise SavedModelError(
                f"state_dict()[{name!r}] is {value.layout} on {value.device}, only dense tensors "
                "with values can be saved. Make it dense and give it values first."
            )
        tensors[name] = value.detach()
    return tensors


def find_aliases(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Find the tensors that are the same memory as an earlier one, as tied weights are.

    Args:
        tensors: Tensors by name.

    Returns:
        Name of the later tensor → name of the first one.
    """
    first: dict[tuple[object, ...], str] = {}
    aliases: dict[str, str] = {}
    for name, tensor in tensors.items():
        if tensor.numel() == 0:
            continue
        memory = (tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        original = first.setdefault(memory, name)
        if original != name:
            aliases[name] = original
    return aliases


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes, in the order of the names.

    Args:
        tensors: Tensors by name.

    Returns:
        The digest in hexadecimal.
    """
    hasher = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].cpu().contiguous()
        header = json.dumps([name, str(tensor.dtype), list(tensor.shape)])
        hasher.update(header.encode() + b"\n")
        hasher.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return hasher.hexdigest()
