"""Box 4 for images: two small convolutions in the place of one large one."""

from __future__ import annotations

from typing import Literal, Self, cast

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.surgery.factor_pair import (
    FactorPair,
    copied_bias,
    fill,
    merged_weight,
    require_factors,
    require_rank,
)

Pair = tuple[int, int]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


class LowRankConv2d(nn.Module):
    """A k × k convolution to r channels, then a 1 × 1 convolution to all output channels.

    The weight of the original convolution is viewed as a matrix (out × in·kh·kw).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        rank: r, the channels in between; 1 ≤ r ≤ min(in·kh·kw, out).
        kernel_size: (kh, kw) of the first convolution.
        stride: As in `torch.nn.Conv2d`; applied by the first convolution, as the next three are.
        padding: Numbers of pixels, or "same" or "valid".
        dilation: As in `torch.nn.Conv2d`.
        padding_mode: As in `torch.nn.Conv2d`.
        bias: Whether the second convolution has a bias; the first never has one.
        device: Device of the parameters.
        dtype: Data type of the parameters.

    Attributes:
        down: The first convolution, weight (rank × in × kh × kw).
        up: The second convolution, weight (out × rank × 1 × 1), with the bias.

    Raises:
        ArgumentError: The rank is out of range.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        rank: int,
        *,
        kernel_size: Pair,
        stride: Pair = (1, 1),
        padding: Pair | str = (0, 0),
        dilation: Pair = (1, 1),
        padding_mode: PaddingMode = "zeros",
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_rank(rank, min(in_channels * kernel_size[0] * kernel_size[1], out_channels))
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.rank = rank
        self.down = nn.Conv2d(
            in_channels,
            rank,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            padding_mode=padding_mode,
            bias=False,
            device=device,
            dtype=dtype,
        )
        self.up = nn.Conv2d(rank, out_channels, 1, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(
        cls,
        factors: FactorPair,
        bias: Tensor | None = None,
        *,
        kernel_size: Pair,
        stride: Pair = (1, 1),
        padding: Pair | str = (0, 0),
        dilation: Pair = (1, 1),
        padding_mode: PaddingMode = "zeros",
    ) -> Self:
        """Build the layer from a factorisation of the weight viewed as (out × in·kh·kw).

        Args:
            factors: down (r × in·kh·kw), up (out × r) and an optional bias correction (out).
            bias: (out), the bias of the original layer.
            kernel_size: (kh, kw) of the original layer, as the next four are.
            stride: Its stride.
            padding: Its padding.
            dilation: Its dilation.
            padding_mode: Its padding mode.

        Returns:
            The layer.

        Raises:
            ArgumentError: The columns of ``down`` are not a multiple of kh·kw.
        """
        rank, columns = require_factors(factors)
        in_channels, remainder = divmod(columns, kernel_size[0] * kernel_size[1])
        if remainder:
            raise ArgumentError(
                "factors.down",
                tuple(factors.down.shape),
                f"in·kh·kw columns for the kernel {kernel_size}",
                "Factorise weight.flatten(1) of the convolution.",
            )
        layer = cls(
            in_channels,
            factors.up.shape[0],
            rank,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            padding_mode=padding_mode,
            bias=bias is not None or factors.bias_correction is not None,
            device="meta",
        )
        fill(layer.down, layer.up, factors, bias)
        return layer

    @property
    def weight(self) -> Tensor:
        """The kernel of the one convolution with the same output, (out × in × kh × kw)."""
        product = self.up.weight.flatten(1) @ self.down.weight.flatten(1)
        return product.view(self.out_channels, *self.down.weight.shape[1:])

    @property
    def bias(self) -> Tensor | None:
        """The bias of ``up``, (out)."""
        return self.up.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute up(down(x)).

        Args:
            inputs: (…, in_channels, height, width).

        Returns:
            (…, out_channels, height', width').
        """
        return cast("Tensor", self.up(self.down(inputs)))

    def merged(self) -> nn.Conv2d:
        """Multiply the factors, in float64, into one ordinary convolution with the same output.

        Returns:
            The layer, with this one's dtype, device and training mode.
        """
        convolution = nn.Conv2d(
            self.in_channels,
            self.out_channels,
            cast("Pair", self.down.kernel_size),
            stride=cast("Pair", self.down.stride),
            padding=cast("Pair | str", self.down.padding),
            dilation=cast("Pair", self.down.dilation),
            padding_mode=self.down.padding_mode,
            device="meta",
        )
        convolution.weight = merged_weight(
            self.down.weight, self.up.weight, convolution.weight.shape
        )
        convolution.register_parameter("bias", copied_bias(self.up.bias))
        return convolution.train(self.training)

    def extra_repr(self) -> str:
        """Return the sizes for ``repr``."""
        return (
            f"in_channels={self.in_channels}, out_channels={self.out_channels}, "
            f"rank={self.rank}, bias={self.bias is not None}"
        )
