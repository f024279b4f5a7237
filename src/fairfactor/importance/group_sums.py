"""Sums over samples, per group, of squares of per-sample weight gradients."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import torch
from torch import Tensor

from fairfactor.importance.calls import LayerUse
from fairfactor.importance.forms import (
    gram_products,
    prefers_direct_form,
    without_idle_positions,
)
from fairfactor.importance.layers import has_channel_groups
from fairfactor.importance.positions import input_positions, output_positions, weight_gradients

Statistic = Literal["row_importance", "diagonal", "input_matrix", "kronecker"]
FEW_GROUPS = 16
"""Up to so many groups, sums by a matrix product cost about what sums by code do."""

_Segment = tuple[int, int, int]


class GroupSums:
    """Running sums per group, in float64, of the statistics of one layer.

    Sample i meets the layer at positions t with inputs x_it and output gradients g_it; its weight
    gradient is G_i = Σ_t g_it x_itᵀ. :mod:`fairfactor.importance.forms` has the two forms in which
    its products are computed.

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
        self._shape = inputs, outputs
        self.sums = {
            name: torch.zeros((0, *shape), dtype=torch.float64, device=device)
            for name, shape in shapes.items()
        }

    def grow(self, number_of_groups: int) -> None:
        """Make room for groups that had no sample so far."""
        for name, total in self.sums.items():
            missing = number_of_groups - len(total)
            if missing > 0:
                grown = total.new_zeros(number_of_groups, *total.shape[1:])
                grown[: len(total)] = total
                self.sums[name] = grown

    @torch.no_grad()
    def add(self, uses: Sequence[LayerUse], codes: Tensor) -> None:
        """Add samples to the sums of their groups.

        Args:
            uses: All uses of the weight by these samples.
            codes: Group of each sample, shape (samples,), none negative and all below the number
                of groups. Other statistics than the row importance are fastest with sorted codes.
        """
        segments = _segments(codes) if len(self.sums) > 1 else []
        if any(has_channel_groups(use.layer) for use in uses):
            self._add_direct_form(uses, codes, segments)
            return
        several = self._positions(uses) > 1
        uses = [without_idle_positions(use) for use in uses] if several else uses
        positions = self._positions(uses)
        if positions == 0:
            return
        if positions == 1:
            self._add_one_position(*_joined(uses), codes, segments)
        elif prefers_direct_form(positions, *self._shape, self.sums):
            self._add_direct_form(uses, codes, segments)
        else:
            self._add_gram_form(*_joined(uses), codes, segments)
        if "input_factor" in self.sums:
            inputs, gradients = _joined(uses)
            self._add_products("output_factor", gradients, gradients, segments)
            used = gradients != 0 if several else torch.ones_like(gradients, dtype=torch.bool)
            used = used.any(dim=2, keepdim=True)
            self._add_products("input_factor", inputs * used, inputs, segments)
            self._add("positions", used.sum(dim=(1, 2)), segments)

    def means(self, counts: Tensor) -> dict[str, Tensor]:
        """Divide the sums, in place, by the numbers they were taken over; this is the last call.

        Args:
            counts: Number of samples of each group, shape (G,), none zero.

        Returns:
            Mean by name of the statistic, first dimension G, on the CPU.
        """
        self.grow(len(counts))
        numbers = {"input_factor": self.sums.pop("positions", counts).cpu()}
        means = {}
        for name, total in self.sums.items():
            divisors = numbers.get(name, counts).clamp(min=1)
            means[name] = total.cpu().div_(divisors.view(-1, *[1] * (total.dim() - 1)))
        if "input_matrix" in means:  # the Gram form adds half of it
            means["input_matrix"] = (means["input_matrix"] + means["input_matrix"].mT).div_(2)
        return means

    def elements_per_sample(self, uses: Sequence[LayerUse]) -> int:
        """Estimate how many numbers the statistics of one sample take at a time."""
        inputs, outputs = self._shape
        positions = self._positions(uses)
        products = min(inputs * outputs, positions * (positions + inputs))
        return positions * (inputs + outputs) + products

    def _positions(self, uses: Sequence[LayerUse]) -> int:
        """Return at how many positions a sample meets the weight."""
        return (
            sum(use.gradients.numel() // use.gradients.shape[0] for use in uses) // self._shape[1]
        )

    def _add_one_position(
        self, inputs: Tensor, gradients: Tensor, codes: Tensor, segments: list[_Segment]
    ) -> None:
        """Add samples with G_i = g xᵀ, of which every statistic is a product of moments."""
        squares, gradient_squares = inputs.square(), gradients.square()
        norms = gradient_squares.sum(dim=2, keepdim=True)
        self._add_rows(squares[:, 0], codes, norms[:, 0])
        if "diagonal" in self.sums:
            self._add_products("diagonal", gradient_squares, squares, segments)
        if "input_matrix" in self.sums:
            self._add_products("input_matrix", inputs, inputs * norms, segments)

    def _add_direct_form(
        self, uses: Sequence[LayerUse], codes: Tensor, segments: list[_Segment]
    ) -> None:
        """Add samples by G_i itself."""
        found = weight_gradients(*uses[0])
        for use in uses[1:]:
            found += weight_gradients(*use)
        if "input_matrix" in self.sums:
            self._add_products("input_matrix", found, found, segments)
        squares = found.square_()
        if "diagonal" in self.sums:
            self._add("diagonal", squares, segments)
        self._add_rows(squares.sum(dim=1), codes)

    def _add_gram_form(
        self, inputs: Tensor, gradients: Tensor, codes: Tensor, segments: list[_Segment]
    ) -> None:
        """Add samples by the Gram matrices of their output gradients."""
        rows = torch.zeros_like(inputs[:, 0])
        for left, right in gram_products(inputs, gradients):
            if "input_matrix" in self.sums:
                self._add_products("input_matrix", left, right, segments)
            rows += right.mul_(left).sum(dim=1)
        self._add_rows(rows, codes)

    def _add_rows(self, values: Tensor, codes: Tensor, weights: Tensor | None = None) -> None:
        """Add values of shape (samples, in), or their products with weights, (samples, 1)."""
        total = self.sums["row_importance"]
        if len(total) > FEW_GROUPS and values.device.type == "cpu":  # elsewhere, not deterministic
            products = values if weights is None else values * weights
            total += values.new_zeros(total.shape).index_add_(0, codes, products)
            return
        members = codes[:, None] == torch.arange(len(total), device=codes.device)
        factors = members.to(values.dtype) if weights is None else members * weights
        total += (factors.T @ values).to(total)

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


def _joined(uses: Sequence[LayerUse]) -> tuple[Tensor, Tensor]:
    """Return inputs and output gradients over the positions of all uses, without a copy of one."""
    inputs = [input_positions(use.layer, use.inputs) for use in uses]
    gradients = [output_positions(use.layer, use.gradients) for use in uses]
    if len(uses) == 1:
        return inputs[0], gradients[0]
    return torch.cat(inputs, dim=1), torch.cat(gradients, dim=1)


def _segments(codes: Tensor) -> list[_Segment]:
    """List runs of equal codes as (code, start, stop)."""
    values, lengths = codes.unique_consecutive(return_counts=True)
    stops = lengths.cumsum(dim=0).tolist()
    return list(zip(values.tolist(), [0, *stops[:-1]], stops, strict=True))
