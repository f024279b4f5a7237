"""Calls of a layer in a forward pass: what went in, and which sample is where."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, DataError, FairfactorError
from fairfactor.importance.layers import is_supported


class LayerUse(NamedTuple):
    """A use of a weight: the layer called, its inputs and its output gradients, samples first."""

    layer: nn.Module
    inputs: Tensor
    gradients: Tensor


@dataclass
class LayerCall:
    """One call of a layer.

    Attributes:
        name: Name of the layer, for errors.
        layer: The layer.
        inputs: What it read, samples first.
        version: How often autograd had seen the inputs change in place until then.
    """

    name: str
    layer: nn.Module
    inputs: Tensor
    version: int = field(init=False)

    def __post_init__(self) -> None:
        self.version = self.inputs._version

    def unchanged_inputs(self) -> Tensor:
        """Return the inputs.

        Returns:
            Inputs of the call, samples first.

        Raises:
            FairfactorError: If they no longer are what the layer read.
        """
        if self.inputs._version != self.version:
            raise FairfactorError(
                f"The input of layer {self.name!r} was changed in place after the layer read it. "
                "Make the operation that changes it out of place."
            )
        return self.inputs


def called_input(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Tensor:
    """Return the input of a layer from the arguments that a forward hook gets."""
    value = arguments[0] if arguments else next(iter(keywords.values()))
    assert isinstance(value, Tensor)
    return value.detach()


def split_samples(layer: nn.Module, name: str, values: Tensor, batch_size: int) -> Tensor:
    """Give each sample its own first index, shape (samples, ...).

    Args:
        layer: Layer that ``values`` went into or came out of.
        name: Its name, for the error.
        values: Input or output of the layer.
        batch_size: Number of samples in the batch.

    Returns:
        The values as they are if their first dimension counts samples. Where a linear layer sees
        its samples cut into pieces, first dimension samples × pieces, the pieces of a sample become
        positions.

    Raises:
        DataError: If the first dimension is not a multiple of the number of samples.
    """
    if isinstance(layer, nn.Conv2d):
        if values.dim() == 4 and len(values) == batch_size:
            return values
    elif values.dim() >= 2 and len(values) == batch_size:
        return values
    elif values.dim() >= 2 and len(values) % batch_size == 0:
        return values.reshape(batch_size, -1, values.shape[-1])
    raise DataError(
        f"Layer {name!r} sees shape {tuple(values.shape)} for a batch of {batch_size} samples: "
        "expected the samples along the first dimension. "
        "Use batch_first=True in the model, or leave the layer out of layers=."
    )


def layout_is_open(layer: nn.Module, inputs: Tensor, batch_size: int) -> bool:
    """Tell whether the shape of the inputs alone leaves open which sample is which."""
    if isinstance(layer, nn.Conv2d) or batch_size == 1:
        return False
    return len(inputs) != batch_size or (inputs.dim() > 2 and inputs.shape[1] == batch_size)


def tied_layers(model: nn.Module, name: str, layer: nn.Module) -> list[nn.Module]:
    """Find all modules whose calls use the weight of a layer, the layer itself first.

    Args:
        model: The model that holds the layer.
        name: Name of the layer, for the error.
        layer: The layer.

    Returns:
        The layer, and every other layer of its kind that is tied to the same parameter.

    Raises:
        ArgumentError: If the parameter is also used by another kind of module, such as an
            embedding, through which its gradient cannot be followed.
    """
    weight = layer._parameters.get("weight")
    modules = [layer]
    for other_name, other in model.named_modules():
        if weight is None or other is layer:
            continue
        if any(parameter is weight for parameter in other._parameters.values()):
            if is_supported(other) and type(other) is type(layer):
                modules.append(other)
                continue
            raise ArgumentError(
                "layers",
                name,
                f"a layer whose weight is its own or tied to layers of its kind, "
                f"and {other_name!r} ({type(other).__name__}) uses it too",
                "Untie it first: layer.weight = nn.Parameter(layer.weight.detach().clone()).",
            )
    return modules


@contextmanager
def calling_layers() -> Iterator[None]:
    """Make models call their layers one by one: no fused attention blocks, no compiled code."""
    was_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    # Where nothing was compiled, the compiler is not worth its import.
    compiler_is_loaded = "torch._dynamo" in sys.modules
    try:
        with torch.compiler.set_stance("force_eager") if compiler_is_loaded else nullcontext():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_enabled)
