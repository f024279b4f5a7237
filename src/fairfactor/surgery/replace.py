"""Exchange a layer of a model for two low-rank layers, and back."""

from __future__ import annotations

import difflib
import warnings
from typing import cast

from torch import Tensor, nn

from fairfactor.errors import ArgumentError, FairfactorWarning
from fairfactor.rank import break_even_rank
from fairfactor.surgery.factor_pair import FactorPair
from fairfactor.surgery.layer_shape import LayerShape, LowRankLayer


def replace_layer(model: nn.Module, name: str, factors: FactorPair) -> LowRankLayer:
    """Put up · down in the place of a layer, everywhere in the model where that layer is used.

    Keeps dtype, device, training mode and ``requires_grad``. Do it before an optimizer is built:
    an optimizer made earlier still holds the old weight and does not train the factors. Hooks on
    the old layer are not moved. Keep ``model.get_submodule(name)`` to undo with `restore_layer`.

    Args:
        model: The model, changed in place.
        name: Name of the layer, as in ``model.named_modules()``.
        factors: Factors of `weight_matrix`; the bias correction, if any, is added to the bias.

    Returns:
        The new layer.

    Raises:
        ArgumentError: There is no such layer, it is of an unsupported kind, it shares a parameter
            with another layer, or the factors have another shape.
    """
    layer = find_layer(model, name)
    if isinstance(layer, LowRankLayer):
        raise ArgumentError(
            "name", name, "a layer that is not low-rank yet", f"Call merge_layer(model, {name!r})."
        )
    shape = LayerShape.of(layer, name)
    require_replaceable(model, name, layer)
    columns, rows = factors.down.shape[-1], factors.up.shape[0]
    if (rows, columns) != shape.matrix:
        raise ArgumentError(
            "factors", (rows, columns), f"factors of the {shape.matrix} weight of {name!r}"
        )
    weight, bias = cast("Tensor", layer.weight), cast("Tensor | None", layer.bias)
    replacement = shape.from_factors(factors, bias).to(weight.device, weight.dtype)
    _warn_of_rank(name, replacement.rank, shape)
    take_over(layer, replacement)
    exchange(model, layer, replacement)
    return replacement


def restore_layer(model: nn.Module, name: str, original: nn.Module) -> None:
    """Undo `replace_layer`: put the original layer back wherever the low-rank one is used.

    Args:
        model: The model, changed in place.
        name: Name of the low-rank layer.
        original: The layer that was there before; training of the factors is lost.

    Raises:
        ArgumentError: The sizes of ``original`` are not those of the low-rank layer.
    """
    layer = _find_low_rank(model, name)
    shape, restored = LayerShape.of(layer), LayerShape.of(original, "original")
    if restored != shape:
        raise ArgumentError("original", restored, f"a layer of the shape of {name!r}, {shape}")
    exchange(model, layer, original)


def merge_layer(model: nn.Module, name: str) -> nn.Linear | nn.Conv2d:
    """Put one ordinary layer with the same output in the place of a low-rank layer.

    Args:
        model: The model, changed in place.
        name: Name of the low-rank layer.

    Returns:
        The new layer.
    """
    layer = _find_low_rank(model, name)
    merged = layer.merged()
    exchange(model, layer, merged)
    return merged


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Get a layer inside a model by its name.

    Args:
        model: The model.
        name: Name of the layer, as in ``model.named_modules()``.

    Returns:
        The layer.

    Raises:
        ArgumentError: The name is empty or there is no such layer.
    """
    if name == "":
        raise ArgumentError(
            "name",
            name,
            "the name of a layer inside the model, because the model itself cannot be exchanged",
            'Wrap it, model = nn.Sequential(model), and pass "0".',
        )
    try:
        return model.get_submodule(name)
    except AttributeError:
        known = [known for known, _ in model.named_modules() if known]
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:3]
        raise ArgumentError(
            "name",
            name,
            f"a layer of the model, such as {', '.join(map(repr, close))}",
            "List them with model.named_modules().",
        ) from None


def require_replaceable(model: nn.Module, name: str, layer: nn.Module) -> None:
    """Check that exchanging the layer leaves the rest of the model as it is.

    Args:
        model: The model.
        name: Name of the layer.
        layer: The layer.

    Raises:
        ArgumentError: The layer is parametrised, quantised, not initialised yet, or shares a
            parameter with another layer.
    """
    own = dict(layer.named_parameters())
    if not own.keys() <= {"weight", "bias"}:
        raise ArgumentError(
            "name",
            name,
            f"a layer with a plain weight and bias; it has {sorted(own)}",
            "Remove its parametrisation (weight or spectral norm) first.",
        )
    weight = layer.weight
    if not isinstance(weight, Tensor) or nn.parameter.is_lazy(weight):
        raise ArgumentError("name", name, "an initialised layer", "Run one batch through first.")
    if not weight.is_floating_point() or weight.is_meta:
        raise ArgumentError(
            "name",
            name,
            f"a layer with a floating-point weight; it is {weight.dtype} on {weight.device}",
            "Load the model without quantisation, onto a real device.",
        )
    for owner_name, owner in model.named_modules():
        if owner is layer:
            continue
        for parameter_name, parameter in owner.named_parameters(owner_name, recurse=False):
            if any(parameter is mine for mine in own.values()):
                raise ArgumentError(
                    "name",
                    name,
                    f"a layer with parameters of its own; it shares one with {parameter_name!r}",
                    "Untie them (give this layer a clone) or choose another layer.",
                )


def take_over(layer: nn.Module, replacement: LowRankLayer) -> None:
    """Give the replacement the training mode and ``requires_grad`` of the layer.

    Args:
        layer: The old layer.
        replacement: The new layer, changed in place. A bias that the old layer did not have
            follows its weight.
    """
    weight, bias = cast("Tensor", layer.weight), cast("Tensor | None", layer.bias)
    replacement.train(layer.training)
    replacement.requires_grad_(weight.requires_grad)
    if bias is not None and replacement.up.bias is not None:
        replacement.up.bias.requires_grad_(bias.requires_grad)


def exchange(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put ``new`` wherever ``old`` is registered, under all its names.

    Args:
        model: The model, changed in place.
        old: The module to take out.
        new: The module to put in.
    """
    names = [name for name, module in model.named_modules(remove_duplicate=False) if module is old]
    for name in names:
        parent_name, _, attribute = name.rpartition(".")
        setattr(model.get_submodule(parent_name), attribute, new)


def _find_low_rank(model: nn.Module, name: str) -> LowRankLayer:
    layer = find_layer(model, name)
    if isinstance(layer, LowRankLayer):
        return layer
    raise ArgumentError(
        "name",
        name,
        f"a low-rank layer; it is {type(layer).__name__}",
        "Call replace_layer first.",
    )


def _warn_of_rank(name: str, rank: int, shape: LayerShape) -> None:
    rows, columns = shape.matrix
    if rank == min(rows, columns):
        warnings.warn(
            f"rank {rank} is the full rank of {name!r} ({rows} × {columns}): every weighting gives "
            "the same product, so no prediction changes before training. Use a smaller rank.",
            FairfactorWarning,
            stacklevel=3,
        )
    largest = break_even_rank(rows, columns)
    if rank > largest:
        warnings.warn(
            f"{name!r} at rank {rank} has {rank * (rows + columns)} weights in the place of "
            f"{rows * columns}: fewer only at ranks up to {largest}.",
            FairfactorWarning,
            stacklevel=3,
        )
