"""The head of a classifier: which of its modules, the last layer, and what that is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fairfactor.importance import select_layers


class _HeadReached(Exception):  # noqa: N818 - a signal, never an error that a caller sees
    """Ends a forward pass as soon as the last layer has been reached."""


def head_modules(model: nn.Module) -> list[str]:
    """Names of all that is not the pre-trained network inside a classifier.

    Args:
        model: A classifier of transformers.

    Returns:
        Names of direct children that have parameters, such as ``classifier`` or ``score``.
    """
    inner: Any = model
    return [
        name
        for name, child in model.named_children()
        if name != inner.base_model_prefix and any(True for _ in child.parameters())
    ]


def head_name(model: nn.Module) -> str:
    """Name of the last linear layer.

    Args:
        model: A classifier.

    Returns:
        As in ``model.named_modules()``.
    """
    return next(iter(select_layers(model, "head")))


def head_inputs(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """What the last layer is given; nothing after it is computed.

    A decoder gives it every token, of which the last one before padding decides.

    Args:
        model: A classifier.
        batch: Token ids and attention mask, padded on the right.

    Returns:
        (rows × width).
    """
    seen: list[Tensor] = []

    def keep(_module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        """Keep what the layer is given and stop.

        Raises:
            _HeadReached: Always.
        """
        seen.append(arguments[0])
        raise _HeadReached

    handle = model.get_submodule(head_name(model)).register_forward_pre_hook(keep)
    try:
        model(**batch)
    except _HeadReached:
        pass
    finally:
        handle.remove()
    given = seen[0]
    if given.dim() == 2:
        return given
    return given[torch.arange(len(given), device=given.device), batch["attention_mask"].sum(1) - 1]
