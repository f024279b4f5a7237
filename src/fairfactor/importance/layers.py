"""The layers whose importance can be measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError


def select_layers(model: nn.Module, layers: str | Sequence[str]) -> dict[str, nn.Module]:
    """Find the layers that a selection names, in the order of definition.

    Supported are ``nn.Linear``, the ``Conv1D`` of transformers (a linear layer with a transposed
    weight) and ``nn.Conv2d``. A convolution with channel groups must be named: it can be measured,
    but not factorised, since its channels do not meet one matrix.

    Args:
        model: The model that holds the layers.
        layers: One selection or several:

            - ``"head"``: the last linear layer in the order of definition, which is the classifier
              in the usual models; the key of the result says which one it is. A layer whose own
              name is ``head`` goes first.
            - ``"all-linear"``: every ``nn.Linear`` and ``Conv1D``.
            - a name as in ``model.named_modules()``.
            - a pattern such as ``"encoder.*.dense"`` (``*``, ``?`` and ``[]`` as in fnmatch), which
              matches supported layers without channel groups only.

    Returns:
        Layer by name. The output projection inside ``nn.MultiheadAttention`` is never among them,
        because that module uses its weight without calling it.

    Raises:
        ArgumentError: If a selection finds nothing, or names a module that is not supported.
    """
    selections = [layers] if isinstance(layers, str) else list(layers)
    if not selections:
        raise ArgumentError("layers", layers, "at least one name, pattern, 'head' or 'all-linear'")
    modules = dict(model.named_modules(remove_duplicate=False))
    found: set[str] = set()
    for selection in selections:
        found.update(_matches(selection, model))
    return {name: module for name, module in modules.items() if name in found}


def layer_shape(layer: nn.Module) -> tuple[int, int]:
    """Return (in, out) of a supported layer; for a convolution, in = channels × kernel size."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    if _is_conv1d(layer):
        return weight.shape[0], weight.shape[1]
    return weight[0].numel(), weight.shape[0]


def layer_device(layer: nn.Module) -> torch.device:
    """Return the device of a supported layer."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.device


def _matches(selection: str, model: nn.Module) -> list[str]:
    """Return the names of the layers that one selection stands for."""
    if selection in dict(_supported_layers(model, every_name=True)):
        return [selection]
    supported = {n: m for n, m in _supported_layers(model) if not has_channel_groups(m)}
    linear = [name for name, layer in supported.items() if not isinstance(layer, nn.Conv2d)]
    if selection == "head" and linear:
        return linear[-1:]
    if selection == "all-linear" and linear:
        return linear
    names = [name for name in supported if fnmatchcase(name, selection)]
    if names:
        return names
    module = dict(model.named_modules(remove_duplicate=False)).get(selection)
    inside = any(name.startswith(f"{selection}.") for name in supported)
    raise ArgumentError(
        "layers",
        selection,
        "'head', 'all-linear', a name or a pattern that finds an nn.Linear, Conv1D or nn.Conv2d "
        "without channel groups" + (f", and it is {type(module).__name__}" if module else ""),
        f"Its layers match '{selection}.*'."
        if inside
        else f"The model has {_listing(list(supported))}.",
    )


def _supported_layers(
    model: nn.Module, *, every_name: bool = False
) -> Iterator[tuple[str, nn.Module]]:
    """Yield name and module of every supported layer, under its first name or each of them."""
    uncalled = {
        id(module.out_proj)
        for module in model.modules()
        if isinstance(module, nn.MultiheadAttention)
    }
    for name, module in model.named_modules(remove_duplicate=not every_name):
        if is_supported(module) and id(module) not in uncalled:
            yield name, module


def is_supported(module: nn.Module) -> bool:
    """Tell whether per-sample gradients of the module's weight can be followed."""
    return isinstance(module, (nn.Linear, nn.Conv2d)) or _is_conv1d(module)


def has_channel_groups(layer: nn.Module) -> bool:
    """Tell whether a layer is a convolution whose outputs read different input channels."""
    return isinstance(layer, nn.Conv2d) and layer.groups > 1


def refuse_channel_groups(layers: Mapping[str, nn.Module], accepted: str) -> None:
    """Refuse convolutions with channel groups.

    Args:
        layers: Layers by name.
        accepted: What layers would have been accepted, after "layers".

    Raises:
        ArgumentError: If there is one.
    """
    for name, layer in layers.items():
        if has_channel_groups(layer):
            raise ArgumentError(
                "layers",
                name,
                f"layers {accepted}, and it has {layer.groups} channel groups",
                "Leave it out of layers=.",
            )


def _is_conv1d(module: nn.Module) -> bool:
    """Recognise ``transformers.pytorch_utils.Conv1D``, weight (in, out), without importing it."""
    weight = getattr(module, "weight", None)
    return type(module).__name__ == "Conv1D" and isinstance(weight, Tensor) and weight.dim() == 2


def _listing(names: list[str], limit: int = 8) -> str:
    """List names on one line, the first few of many."""
    shown = ", ".join(repr(name) for name in names[:limit]) or "no supported layer"
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
