"""What exchanging a layer for its low-rank factors costs, saves and changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from fairfactor.rank import break_even_rank
from fairfactor.surgery.layer_shape import LayerShape, LowRankLayer, weight_matrix


@dataclass(frozen=True)
class ReplacementReport:
    """The size and the error of one replacement.

    Attributes:
        rank: The rank of the factors.
        break_even_rank: The largest rank with fewer weights than the original layer.
        is_full_rank: Whether the rank is the smaller side of the weight; then every weighting
            gives the same product and no prediction changes before training.
        parameters_before: Parameters of the original layer, its bias included.
        parameters_after: Parameters of the low-rank layer, its bias included.
        relative_change: ‖T − W‖ / ‖W‖ in the Frobenius norm, W the original weight and T = B A.
    """

    rank: int
    break_even_rank: int
    is_full_rank: bool
    parameters_before: int
    parameters_after: int
    relative_change: float

    @classmethod
    def of(cls, original: nn.Module, replacement: LowRankLayer) -> Self:
        """Compare a low-rank layer with the layer that it replaced.

        Args:
            original: The ordinary layer.
            replacement: The low-rank layer, before or after training.

        Returns:
            The comparison.
        """
        rows, columns = LayerShape.of(original, "original").matrix
        return cls(
            rank=replacement.rank,
            break_even_rank=break_even_rank(rows, columns),
            is_full_rank=replacement.rank == min(rows, columns),
            parameters_before=_count(original),
            parameters_after=_count(replacement),
            relative_change=_relative_change(_exact_matrix(original), _exact_matrix(replacement)),
        )


def _count(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


def _exact_matrix(layer: nn.Module) -> Tensor:
    """Compute the weight as a matrix in float64; the product of factors is not rounded first."""
    if isinstance(layer, LowRankLayer):
        down, up = (
            factor.weight.detach().flatten(1).to("cpu", torch.float64)
            for factor in (layer.down, layer.up)
        )
        return up @ down
    return weight_matrix(layer).to("cpu", torch.float64)


def _relative_change(before: Tensor, after: Tensor) -> float:
    difference = torch.linalg.norm(after - before)
    return float(difference / torch.linalg.norm(before)) if bool(difference > 0) else 0.0
