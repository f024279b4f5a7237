"""Sums over samples, per group, of squares of per-sample weight gradients."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor

Statistic = Literal["row_importance", "diagonal", "input_matrix", "kronecker"]
_Segment = tuple[int, int, int]


class GroupSums:
    """Running sums per group, in float64, of the statistics of one layer.

    Sample i meets the layer at positions t with inputs x_it and output gradients g_it; its weight
    gradient is G_i = Σ_t g_it x_itᵀ. Neither form below builds more than it must:

    - Gram form: G_iᵀ G_i = X_iᵀ (K_i X_i), with K_i the T × T Gram matrix of output gradients
    - direct form: G_iᵀ G_i from G_i itself

    Args:
        number_of_inputs: Input features of the layer.
        number_of_outputs: Output features of the layer.
        statistics: What to sum besides the row importance.
        device: Where the layer is; the sums are kept there if it knows float64.
    """

    def __init__(
        self,
        number_of_inputs: int,
        number_of_outputs: int,
        statistics: Collection[Statistic],
        device: torch.device,
    ) -> None:
        inputs, outputs = number_of_inputs, number_of_outputs
        shapes: dict[str, tuple[int, ...]] = {"row_importance": (inputs,)}
        if "diagonal" in statistics:
            shapes["diagonal"] = (outputs, inputs)
        if "input_matrix" in statistics:
            shapes["input_matrix"] = (inputs, inputs)
        if "kronecker" in statistics:
            shapes["input_factor"] = (inputs, inputs)
            shapes["output_factor"] = (outputs, outputs)
            shapes["positions"] = ()
        device = torch.device("cpu") if device.type == "mps" else device
        self.sums = {
            name: torch.zeros((0, *shape), dtype=torch.float64, device=device)
            for name, shape in shapes.items()
        }

    @torch.no_grad()
    def add(self, inputs: Tensor, gradients: Tensor, codes: Tensor) -> None:
        """Add samples to the sums of their groups.

        Args:
            inputs: X of shape (samples, positions, in).
            gradients: Output gradients of shape (samples, positions, out).
            codes: Group of each sample, shape (samples,), none negative. Sorted codes are fastest.
        """
        self._grow(int(codes.max()) + 1)
        segments = _segments(codes)
        if inputs.shape[1] == 1:
            self._add_one_position(inputs, gradients, segments)
        else:
            self._add_many_positions(inputs, gradients, segments)
        if "input_factor" in self.sums:
            self._add_products("output_factor", gradients, gradients, segments)
            self._add_kronecker_inputs(inputs, gradients, segments)

    def means(self, counts: Tensor) -> dict[str, Tensor]:
        """Divide the sums, in place, by the numbers they were taken over; this is the last call.

        Args:
            counts: Number of samples of each group, shape (G,), none zero.

        Returns:
            Mean by name of the statistic, first dimension G, on the CPU.
        """
        self._grow(len(counts))
        numbers = {"input_factor": self.sums.pop("positions", counts).cpu()}
        means = {}
        for name, total in self.sums.items():
            divisors = numbers.get(name, counts).clamp(min=1)
            means[name] = total.cpu().div_(divisors.view(-1, *[1] * (total.dim() - 1)))
        return means

    def _add_one_position(
        self, inputs: Tensor, gradients: Tensor, segments: list[_Segment]
    ) -> None:
        """Add samples with G_i = g xᵀ, of which every statistic is a product of moments."""
        squares, gradient_squares = inputs.square(), gradients.square()
        norms = gradient_squares.sum(dim=2, keepdim=True)
        self._add_products("row_importance", norms, squares, segments)
        if "diagonal" in self.sums:
            self._add_products("diagonal", gradient_squares, squares, segments)
        if "input_matrix" in self.sums:
            self._add_products("input_matrix", inputs, inputs * norms, segments)

    def _add_many_positions(
        self, inputs: Tensor, gradients: Tensor, segments: list[_Segment]
    ) -> None:
        """Add samples by G_iᵀ G_i = leftᵀ right, in the form that costs less."""
        if prefers_direct_form(inputs, gradients, self.sums):
            left = right = gradients.transpose(1, 2) @ inputs
            if "diagonal" in self.sums:
                self._add("diagonal", left.square(), segments)
        else:
            left, right = inputs, gradients @ gradients.transpose(1, 2) @ inputs
        self._add("row_importance", (left * right).sum(dim=1), segments)
        if "input_matrix" in self.sums:
            self._add_products("input_matrix", left, right, segments)

    def _add_kronecker_inputs(
        self, inputs: Tensor, gradients: Tensor, segments: list[_Segment]
    ) -> None:
        """Add the input factor over the positions that the loss depends on."""
        if inputs.shape[1] == 1:
            used = torch.ones_like(inputs[..., :1])
        else:
            used = (gradients != 0).any(dim=2, keepdim=True).to(inputs)
        self._add_products("input_factor", inputs * used, inputs, segments)
        self._add("positions", used.sum(dim=(1, 2)), segments)

    def _add(self, name: str, values: Tensor, segments: list[_Segment]) -> None:
        """Add one value per sample."""
        for code, start, stop in segments:
            self._accumulate(name, code, values[start:stop].sum(dim=0))

    def _add_products(
        self, name: str, left: Tensor, right: Tensor, segments: list[_Segment]
    ) -> None:
        """Add leftᵀ right summed over samples and positions."""
        for code, start, stop in segments:
            product = left[start:stop].flatten(0, 1).T @ right[start:stop].flatten(0, 1)
            self._accumulate(name, code, product)

    def _accumulate(self, name: str, code: int, value: Tensor) -> None:
        """Add a value to the sum of one group."""
        total = self.sums[name]
        total[code].add_(value.view(total.shape[1:]).to(total.device))

    def _grow(self, number_of_groups: int) -> None:
        """Make room for groups that had no sample so far."""
        for name, total in self.sums.items():
            missing = number_of_groups - len(total)
            if missing > 0:
                grown = total.new_zeros(number_of_groups, *total.shape[1:])
                grown[: len(total)] = total
                self.sums[name] = grown


def _segments(codes: Tensor) -> list[_Segment]:
    """List runs of equal codes as (code, start, stop)."""
    values, lengths = codes.unique_consecutive(return_counts=True)
    stops = lengths.cumsum(dim=0).tolist()
    return list(zip(values.tolist(), [0, *stops[:-1]], stops, strict=True))


def prefers_direct_form(inputs: Tensor, gradients: Tensor, sums: Collection[str]) -> bool:
    """Tell whether building G_i costs fewer multiplications than the Gram form, or is needed."""
    positions, number_of_inputs = inputs.shape[1:]
    number_of_outputs = gradients.shape[2]
    if "diagonal" in sums:
        return True
    matrix = number_of_inputs**2 if "input_matrix" in sums else 0
    direct = positions * number_of_inputs * number_of_outputs + number_of_outputs * matrix
    gram = positions**2 * (number_of_inputs + number_of_outputs) + positions * matrix
    return direct < gram
