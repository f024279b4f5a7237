"""The head of a classifier: which of its modules, the last layer, and what that is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.features import layer_input
from fairfactor.surgery import LowRankLayer


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
    """Name of the last linear layer of the head, low-rank or not.

    Some models define their head before the network that it stands on, so the order of definition
    alone does not tell.

    Args:
        model: A classifier of transformers.

    Returns:
        As in ``model.named_modules()``.

    Raises:
        ArgumentError: If the head has no linear layer.
    """
    heads, found = set(head_modules(model)), ""
    for name, module in model.named_modules():
        is_linear = isinstance(module, (nn.Linear, LowRankLayer))
        inside = isinstance(model.get_submodule(name.rpartition(".")[0]), LowRankLayer)
        if is_linear and not inside and name.split(".")[0] in heads:
            found = name
    if not found:
        raise ArgumentError("model", type(model).__name__, "a classifier whose head is linear")
    return found


def head_inputs(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """What the last layer is given; nothing after it is computed.

    A decoder gives it every token, of which the last one before padding decides.

    Args:
        model: A classifier.
        batch: Token ids and attention mask, padded on the right.

    Returns:
        (rows × width).
    """
    given = layer_input(model, head_name(model), lambda: model(**batch))
    if given.dim() == 2:
        return given
    return given[torch.arange(len(given), device=given.device), batch["attention_mask"].sum(1) - 1]
