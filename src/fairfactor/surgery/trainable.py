"""Choose which parameters train."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.surgery.layer_shape import LowRankLayer


class ParameterCount(NamedTuple):
    """Numbers of parameters; a parameter that several layers share counts once."""

    trained: int
    total: int


def lock(layer: LowRankLayer, factor: Literal["down", "up"] = "down") -> None:
    """Keep a factor as it was initialised; the bias and the other factor go on training.

    What a weighting only initialises, training with a plain loss undoes. With ``down`` locked,
    every later output is still a function of the r directions that the weighting kept.

    Args:
        layer: The low-rank layer.
        factor: Which factor to lock.

    Raises:
        ArgumentError: The layer is not low-rank, or there is no such factor.
    """
    if not isinstance(layer, LowRankLayer):
        raise ArgumentError("layer", layer, "a low-rank layer", "Call replace_layer first.")
    if factor not in {"down", "up"}:
        raise ArgumentError("factor", factor, "'down' or 'up'")
    (layer.down if factor == "down" else layer.up).weight.requires_grad_(False)


def freeze_except(model: nn.Module, names: Collection[str]) -> ParameterCount:
    """Freeze every parameter outside the named modules and parameters.

    Inside them nothing changes, so a locked factor stays locked.

    Args:
        model: The model, changed in place.
        names: Names of modules or parameters, as in ``model.named_modules()`` and
            ``model.named_parameters()``.

    Returns:
        How many parameters still train, and how many there are.

    Raises:
        ArgumentError: A name is not in the model, or no parameter would be left to train.
    """
    if isinstance(names, str):
        raise ArgumentError("names", names, "a list of names", f"Write [{names!r}].")
    kept = {id(parameter) for name in names for parameter in _parameters_under(model, name)}
    trainable = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    if not kept & trainable:
        raise ArgumentError(
            "names",
            names,
            "at least one module with a parameter that still trains",
            "Name more modules, or call requires_grad_(True) on one of them.",
        )
    for parameter in model.parameters():
        if id(parameter) not in kept:
            parameter.requires_grad_(False)
    return count_parameters(model)


def count_parameters(model: nn.Module) -> ParameterCount:
    """Count the parameters of a model.

    Args:
        model: The model.

    Returns:
        How many train (``requires_grad``), and how many there are.
    """
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return ParameterCount(
        trained=sum(size for size, is_trained in sizes if is_trained),
        total=sum(size for size, _ in sizes),
    )


def _parameters_under(model: nn.Module, name: str) -> list[nn.Parameter]:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    if name in parameters:
        return [parameters[name]]
    modules = dict(model.named_modules(remove_duplicate=False))
    if name not in modules:
        raise ArgumentError(
            "names",
            name,
            "names of modules or parameters of the model",
            "List them with model.named_modules() or model.named_parameters().",
        )
    return list(modules[name].parameters())
