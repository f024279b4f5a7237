"""A last layer fitted again on frozen features, over a path of full-batch losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

HeadLoss = Callable[[Tensor], Tensor]
"""From the logits (rows × classes) of all training rows to a loss."""


def head_path(
    features: Tensor,
    n_classes: int,
    losses: Iterable[HeadLoss],
    *,
    weight_penalty: float = 1e-3,
    iterations: int = 80,
) -> Iterator[nn.Linear]:
    """Minimise loss(W h + b) + weight_penalty/2 ‖W‖² for each loss, each fit started from the last.

    Full-batch L-BFGS on standardised features, so there are no batches that could miss a group.

    Args:
        features: h, inputs of the layer, (rows × features).
        n_classes: Number of classes.
        losses: From the weakest to the strongest.
        weight_penalty: Weight of the squared weights; the biases are free.
        iterations: Most L-BFGS iterations for each.

    Yields:
        The layer on the features as they are.
    """
    mean = features.mean(dim=0)
    scale = features.std(dim=0, correction=0).clamp_min(1e-6)
    standardised = (features - mean) / scale
    layer = zero_layer(features.shape[1], n_classes, features.dtype)
    for loss_of in losses:

        def backward(loss_of: HeadLoss = loss_of) -> float:
            loss = loss_of(layer(standardised))
            loss = loss + weight_penalty / 2 * layer.weight.square().sum()
            loss.backward()
            return float(loss.detach())

        minimize(layer, backward, iterations)
        yield unstandardised(layer, mean, scale)


def zero_layer(width: int, n_classes: int, dtype: torch.dtype) -> nn.Linear:
    """A linear layer of zeros, with which every path starts."""
    layer = nn.Linear(width, n_classes, dtype=dtype)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def minimize(layer: nn.Linear, backward: Callable[[], float], iterations: int) -> None:
    """Minimise a loss of all rows by L-BFGS, in place.

    Args:
        layer: The layer.
        backward: Adds the gradient of the loss to the parameters and returns the loss.
        iterations: Most iterations.
    """
    optimizer = torch.optim.LBFGS(
        layer.parameters(),
        max_iter=iterations,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        optimizer.zero_grad()
        return backward()

    optimizer.step(closure)


def unstandardised(layer: nn.Linear, mean: Tensor, scale: Tensor) -> nn.Linear:
    """The same function of features that are not standardised."""
    plain = nn.Linear(layer.in_features, layer.out_features).to(layer.weight)
    with torch.no_grad():
        plain.weight.copy_(layer.weight / scale)
        plain.bias.copy_(layer.bias - plain.weight @ mean)
    return plain
