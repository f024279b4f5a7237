"""What a layer of a frozen network is given: computed once, used by every later step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError


class _InputSeen(Exception):  # noqa: N818 - a signal, never an error that a caller sees
    """Ends a forward pass as soon as the wanted layer has been reached."""


def layer_inputs(model: nn.Module, layer: str, inputs: Tensor, *, batch_size: int = 4096) -> Tensor:
    """Inputs h of one layer y = W h + b for every row, without gradients, in evaluation mode.

    The forward pass stops at the layer, so that nothing after it is computed.

    Args:
        model: Any module that takes one tensor.
        layer: Qualified name of the layer, as in ``model.get_submodule``.
        inputs: Model inputs, rows first.
        batch_size: Rows in each forward pass.

    Returns:
        The layer's inputs, rows first, on the device of the model. A layer that the model does not
        have or does not call is an ``ArgumentError``.
    """
    with evaluation_mode(model):
        return torch.cat(
            [layer_input(model, layer, partial(model, batch)) for batch in inputs.split(batch_size)]
        )


def layer_input(model: nn.Module, layer: str, forward: Callable[[], object]) -> Tensor:
    """What one layer is given in one forward pass, which ends there.

    Args:
        model: Any module.
        layer: Qualified name of the layer, as in ``model.get_submodule``.
        forward: Calls the model.

    Returns:
        The first argument of the layer.

    Raises:
        ArgumentError: If the model has no such layer or does not call it.
    """
    try:
        module = model.get_submodule(layer)
    except AttributeError:
        raise ArgumentError(
            "layer", layer, "the name of a layer", "List them with model.named_modules()."
        ) from None
    seen: list[Tensor] = []

    def keep(_module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        """Keep what the layer is given and stop.

        Raises:
            _InputSeen: Always.
        """
        seen.append(arguments[0])
        raise _InputSeen

    handle = module.register_forward_pre_hook(keep)
    try:
        forward()
    except _InputSeen:
        return seen[0]
    finally:
        handle.remove()
    raise ArgumentError("layer", layer, "a layer that the model calls")


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Run a block without gradients and in evaluation mode; then each module has its mode back.

    Args:
        model: Any module.

    Yields:
        Nothing.
    """
    in_training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in in_training:
            module.training = True
