"""The sizes and geometry that a layer keeps through surgery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, cast

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.surgery.factor_pair import FactorPair
from fairfactor.surgery.lowrank import LowRankLinear
from fairfactor.surgery.lowrank_conv import LowRankConv2d, PaddingMode, Pair

LowRankLayer = LowRankLinear | LowRankConv2d


@dataclass(frozen=True)
class ConvGeometry:
    """How a convolution moves over the image; the fields are those of `torch.nn.Conv2d`."""

    kernel_size: Pair
    stride: Pair
    padding: Pair | str
    dilation: Pair
    padding_mode: PaddingMode

    @classmethod
    def of(cls, convolution: nn.Conv2d) -> Self:
        """Read the geometry of a convolution."""
        return cls(
            kernel_size=cast("Pair", convolution.kernel_size),
            stride=cast("Pair", convolution.stride),
            padding=cast("Pair | str", convolution.padding),
            dilation=cast("Pair", convolution.dilation),
            padding_mode=convolution.padding_mode,
        )


@dataclass(frozen=True)
class LayerShape:
    """What a layer maps from and to; equal before and after it is replaced by two layers.

    Attributes:
        kind: "linear" or "conv2d".
        in_features: Input features or channels.
        out_features: Output features or channels.
        geometry: The geometry of a convolution, None for a linear layer.
    """

    kind: Literal["linear", "conv2d"]
    in_features: int
    out_features: int
    geometry: ConvGeometry | None = None

    @classmethod
    def of(cls, layer: nn.Module, name: str = "layer") -> Self:
        """Read the shape of an ordinary or a low-rank layer.

        Args:
            layer: An `nn.Linear`, `nn.Conv2d` without groups, `Conv1D` of transformers,
                `LowRankLinear` or `LowRankConv2d`.
            name: Its name in the model, for the error text.

        Returns:
            The shape.

        Raises:
            ArgumentError: The layer is of another kind.
        """
        if isinstance(layer, LowRankLinear):
            return cls("linear", layer.in_features, layer.out_features)
        if isinstance(layer, LowRankConv2d):
            return cls("conv2d", layer.in_channels, layer.out_channels, ConvGeometry.of(layer.down))
        if _behaves_as(layer, nn.Linear):
            return cls("linear", cast("int", layer.in_features), cast("int", layer.out_features))
        if is_transposed_linear(layer):
            in_features, out_features = cast("Tensor", layer.weight).shape
            return cls("linear", in_features, out_features)
        if _behaves_as(layer, nn.Conv2d) and cast("nn.Conv2d", layer).groups == 1:
            layer = cast("nn.Conv2d", layer)
            return cls("conv2d", layer.in_channels, layer.out_channels, ConvGeometry.of(layer))
        raise ArgumentError(
            name,
            layer,
            "an nn.Linear, an nn.Conv2d with groups=1, or a Conv1D of transformers",
            "Name a layer of one of these kinds.",
        )

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns of the weight as a matrix: (out, in) or (out, in·kh·kw)."""
        if self.geometry is None:
            return self.out_features, self.in_features
        height, width = self.geometry.kernel_size
        return self.out_features, self.in_features * height * width

    def from_factors(self, factors: FactorPair, bias: Tensor | None) -> LowRankLayer:
        """Build the low-rank layer of this shape from factors of its weight matrix."""
        if self.geometry is None:
            return LowRankLinear.from_factors(factors, bias)
        return LowRankConv2d.from_factors(factors, bias, **vars(self.geometry))

    def empty(
        self, rank: int, *, bias: bool, device: torch.device, dtype: torch.dtype
    ) -> LowRankLayer:
        """Build the low-rank layer of this shape with values still to be filled in."""
        layer: LowRankLayer
        if self.geometry is None:
            layer = LowRankLinear(
                self.in_features, self.out_features, rank, bias=bias, device="meta", dtype=dtype
            )
        else:
            layer = LowRankConv2d(
                self.in_features,
                self.out_features,
                rank,
                bias=bias,
                device="meta",
                dtype=dtype,
                **vars(self.geometry),
            )
        return layer.to_empty(device=device)


def weight_matrix(layer: nn.Module) -> Tensor:
    """View the weight of a layer as the matrix that is factorised.

    Args:
        layer: A layer of a kind that `replace_layer` accepts, or a low-rank layer.

    Returns:
        (out × in), or (out × in·kh·kw) for a convolution. It shares memory with the layer, except
        for a low-rank layer, whose factors are multiplied.
    """
    rows, columns = LayerShape.of(layer).matrix
    weight = cast("Tensor", layer.weight).detach()
    return (weight.T if is_transposed_linear(layer) else weight).reshape(rows, columns)


def is_transposed_linear(layer: nn.Module) -> bool:
    """Whether the layer is a `Conv1D` of transformers: a linear layer with weight (in × out)."""
    weight = getattr(layer, "weight", None)
    return type(layer).__name__ == "Conv1D" and isinstance(weight, Tensor) and weight.ndim == 2


def _behaves_as(layer: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether the layer computes what ``kind`` computes: a subclass may, if it keeps forward."""
    return isinstance(layer, kind) and type(layer).forward is kind.forward
