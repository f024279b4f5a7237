"""What a factorisation must offer, and how its values enter a layer."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError


class FactorPair(Protocol):
    """What a factorisation W ≈ up · down must offer; `fairfactor.factorization.Factors` does.

    Attributes:
        down: (rank × in).
        up: (out × rank).
        bias_correction: (out), to be added to the bias, or None.
    """

    @property
    def down(self) -> Tensor: ...  # noqa: D102

    @property
    def up(self) -> Tensor: ...  # noqa: D102

    @property
    def bias_correction(self) -> Tensor | None: ...  # noqa: D102


def require_rank(rank: int, largest: int) -> None:
    """Check a rank before anything is allocated for it.

    Args:
        rank: The rank asked for.
        largest: The smaller side of the weight matrix.

    Raises:
        ArgumentError: The rank is not an integer from 1 to ``largest``.
    """
    if type(rank) is not int or not 1 <= rank <= largest:
        raise ArgumentError(
            "rank", rank, f"an integer from 1 to {largest}, the smaller side of the weight"
        )


def require_factors(factors: FactorPair) -> tuple[int, int]:
    """Check that the factors multiply and are finite.

    Args:
        factors: down (r × in), up (out × r) and an optional bias correction (out).

    Returns:
        r and in.

    Raises:
        ArgumentError: A shape does not fit or a value is not finite.
    """
    down, up, correction = factors.down, factors.up, factors.bias_correction
    if down.ndim != 2 or up.ndim != 2 or down.shape[0] != up.shape[1]:
        raise ArgumentError(
            "factors",
            (tuple(down.shape), tuple(up.shape)),
            "down (rank × in) and up (out × rank) with the same rank",
        )
    if correction is not None and correction.shape != up.shape[:1]:
        raise ArgumentError(
            "factors.bias_correction", tuple(correction.shape), f"the shape ({up.shape[0]},)"
        )
    for part in (down, up, correction):
        if part is not None and not bool(torch.isfinite(part).all()):
            raise ArgumentError(
                "factors", "values with NaN or infinity", "finite values", "Check the metric."
            )
    return down.shape[0], down.shape[1]


def fill(
    down: nn.Linear | nn.Conv2d,
    up: nn.Linear | nn.Conv2d,
    factors: FactorPair,
    bias: Tensor | None,
) -> None:
    """Put the factors, and the bias with its correction, into the two small layers.

    Args:
        down: The first layer; its weight is `factors.down` in the layer's own shape.
        up: The second layer; it gets the bias.
        factors: Checked factors, whose dtype and device the layers take on.
        bias: (out), the bias of the original layer.
    """
    for layer, factor in ((down, factors.down), (up, factors.up)):
        # Row by row in memory: a product rounds by layout, and a loaded model has this layout.
        values = factor.detach().clone(memory_format=torch.contiguous_format)
        layer.weight = nn.Parameter(values.view(layer.weight.shape))
    if up.bias is not None:
        total = torch.zeros_like(factors.up[:, 0])
        for part in (bias, factors.bias_correction):
            total = total if part is None else total + part.detach().to(total)
        up.bias = nn.Parameter(total)


def merged_weight(down: Tensor, up: Tensor, shape: torch.Size) -> nn.Parameter:
    """Multiply two factors in float64, on the CPU because some accelerators have no float64.

    Args:
        down: Weight of the first layer, (r × …).
        up: Weight of the second layer, (out × r × …).
        shape: Shape of the weight of the one layer.

    Returns:
        The product in the dtype and on the device of ``up``; it trains if one of the factors does.
    """
    left, right = (part.detach().flatten(1).to("cpu", torch.float64) for part in (up, down))
    product = (left @ right).to(up).view(shape)
    return nn.Parameter(product, requires_grad=up.requires_grad or down.requires_grad)


def copied_bias(bias: Tensor | None) -> nn.Parameter | None:
    """Copy a bias together with whether it trains."""
    if bias is None:
        return None
    return nn.Parameter(bias.detach().clone(), requires_grad=bias.requires_grad)
