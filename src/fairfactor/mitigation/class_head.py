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
    layer = nn.Linear(features.shape[1], n_classes).to(features)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    for loss_of in losses:
        optimizer = torch.optim.LBFGS(
            layer.parameters(),
            max_iter=iterations,
            history_size=20,
            line_search_fn="strong_wolfe",
        )

        def closure(optimizer: torch.optim.LBFGS = optimizer, loss_of: HeadLoss = loss_of) -> float:
            optimizer.zero_grad()
            loss = loss_of(layer(standardised))
            loss = loss + weight_penalty / 2 * layer.weight.square().sum()
            loss.backward()
            return float(loss.detach())

        optimizer.step(closure)
        yield _unstandardised(layer, mean, scale)


def _unstandardised(layer: nn.Linear, mean: Tensor, scale: Tensor) -> nn.Linear:
    """The same function of features that are not standardised."""
    plain = nn.Linear(layer.in_features, layer.out_features).to(layer.weight)
    with torch.no_grad():
        plain.weight.copy_(layer.weight / scale)
        plain.bias.copy_(layer.bias - plain.weight @ mean)
    return plain
