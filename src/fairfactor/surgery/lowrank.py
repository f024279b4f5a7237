"""Box 4: two small linear layers in the place of one large layer."""

from __future__ import annotations

from typing import Self, cast

import torch
from torch import Tensor, nn

from fairfactor.surgery.factor_pair import (
    FactorPair,
    copied_bias,
    fill,
    merged_weight,
    require_factors,
    require_rank,
)


class LowRankLinear(nn.Module):
    """y = up(down(x)) = B A x + b, two linear layers in the place of one (arXiv 2403.00625).

    Args:
        in_features: Size of x.
        out_features: Size of y.
        rank: r, the size between the two layers; 1 ≤ r ≤ min(in_features, out_features).
        bias: Whether ``up`` has a bias; ``down`` never has one.
        device: Device of the parameters.
        dtype: Data type of the parameters.

    Attributes:
        down: The linear layer A, (rank × in_features).
        up: The linear layer B, (out_features × rank), with the bias.

    Raises:
        ArgumentError: The rank is out of range.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        rank: int,
        *,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_rank(rank, min(in_features, out_features))
        self.in_features = in_features
        self.out_features = out_features
        self.rank = rank
        self.down = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.up = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, factors: FactorPair, bias: Tensor | None = None) -> Self:
        """Build the layer from a factorisation, in the dtype and on the device of its factors.

        Args:
            factors: down (r × in), up (out × r) and an optional bias correction (out).
            bias: (out), the bias of the original layer. Without it, a bias correction alone still
                gives the new layer a bias.

        Returns:
            The layer.
        """
        rank, in_features = require_factors(factors)
        out_features = factors.up.shape[0]
        layer = cls(
            in_features,
            out_features,
            rank,
            bias=bias is not None or factors.bias_correction is not None,
            device="meta",  # no memory and no random numbers for values that are replaced below
        )
        fill(layer.down, layer.up, factors, bias)
        return layer

    @property
    def weight(self) -> Tensor:
        """The product B A, (out × in), for code that reads the weight of a linear layer.

        Attention modules of PyTorch do so instead of calling their output layer.
        """
        return self.up.weight @ self.down.weight

    @property
    def bias(self) -> Tensor | None:
        """The bias of ``up``, (out)."""
        return cast("Tensor | None", self.up.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute up(down(x)).

        Args:
            inputs: (…, in_features).

        Returns:
            (…, out_features).
        """
        return cast("Tensor", self.up(self.down(inputs)))

    def merged(self) -> nn.Linear:
        """Multiply the factors, in float64, into one ordinary linear layer with the same output.

        Returns:
            The layer, with this one's dtype, device and training mode.
        """
        linear = nn.Linear(self.in_features, self.out_features, device="meta")
        linear.weight = merged_weight(self.down.weight, self.up.weight, linear.weight.shape)
        linear.register_parameter("bias", copied_bias(self.up.bias))
        return linear.train(self.training)

    def extra_repr(self) -> str:
        """Return the sizes for ``repr``."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"rank={self.rank}, bias={self.bias is not None}"
        )
