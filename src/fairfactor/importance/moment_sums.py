"""Sums over samples of the inputs that a layer reads, per cell of group and class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, DataError
from fairfactor.importance.batches import Batch
from fairfactor.importance.calls import LayerCall, called_input, split_samples
from fairfactor.importance.layers import layer_shape
from fairfactor.importance.positions import input_positions

_WORKSPACE_ELEMENTS = 2**22


class MomentSums:
    """Running sums of one layer, in float64 on the CPU.

    Args:
        name: Name of the layer.
        layer: The layer.
    """

    def __init__(self, name: str, layer: nn.Module) -> None:
        self.name = name
        self.layer = layer
        inputs, _ = layer_shape(layer)
        self.cell_sums = torch.zeros(0, 0, inputs, dtype=torch.float64)
        self.products = torch.zeros(inputs, inputs, dtype=torch.float64)
        self._calls: list[LayerCall] = []
        self._batch_size = 0

    def begin(self, batch_size: int) -> None:
        """Forget the calls of the batch before."""
        self._calls = []
        self._batch_size = batch_size

    def record(
        self, layer: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], _: Any
    ) -> None:
        """Keep the input of a call; a forward hook."""
        inputs = called_input(arguments, keywords)
        inputs = split_samples(layer, self.name, inputs, self._batch_size)
        self._calls.append(LayerCall(self.name, layer, inputs))

    @torch.no_grad()
    def add(self, batch: Batch, classes: Tensor) -> None:
        """Add the samples of a batch, after its forward pass.

        Args:
            batch: The batch.
            classes: Class of each sample, shape (samples,).

        Raises:
            ArgumentError: If the forward pass did not call the layer.
            DataError: If an input is not finite.
        """
        if not self._calls:
            raise ArgumentError(
                "layers", self.name, "layers that the model calls", "Leave it out of layers=."
            )
        device = self._calls[0].inputs.device
        included = (batch.groups >= 0).nonzero()[:, 0].to(device)
        self.grow(int(batch.groups.max()) + 1, int(classes.max()) + 1)
        cells = (batch.groups * self.cell_sums.shape[1] + classes).cpu()
        elements = sum(call.inputs[0].numel() for call in self._calls)
        with torch.autocast(device.type, enabled=False):
            for rows in included.split(max(1, _WORKSPACE_ELEMENTS // elements)):
                inputs = self._positions(rows)
                weighted = inputs * _position_weights(batch, rows, inputs)
                products = weighted.flatten(0, 1).T @ inputs.flatten(0, 1)
                means = weighted.sum(dim=1).cpu().double()
                self.products += products.cpu().double()
                self.cell_sums.flatten(0, 1).index_add_(0, cells[rows.cpu()], means)
        if not self.cell_sums.isfinite().all():
            raise DataError(
                f"Layer {self.name!r} has inputs that are not finite. "
                "Look for missing values in the inputs, or use float32."
            )
        self._calls = []

    def grow(self, groups: int, classes: int) -> None:
        """Make room for cells that had no sample so far."""
        self.cell_sums = grown(self.cell_sums, groups, classes)

    def _positions(self, rows: Tensor) -> Tensor:
        """Return the inputs of some samples over all calls, shape (samples, positions, in)."""
        positions = []
        for call in self._calls:
            inputs = call.unchanged_inputs()[rows]
            inputs = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
            positions.append(input_positions(call.layer, inputs))
        return torch.cat(positions, dim=1)


def grown(cells: Tensor, groups: int, classes: int) -> Tensor:
    """Return a copy of cells, shape (G, K, ...), with room for more groups and classes."""
    old_groups, old_classes = cells.shape[:2]
    shape = max(groups, old_groups), max(classes, old_classes), *cells.shape[2:]
    total = cells.new_zeros(shape)
    total[:old_groups, :old_classes] = cells
    return total


def _position_weights(batch: Batch, rows: Tensor, inputs: Tensor) -> Tensor:
    """Return weights over the positions of some samples, with sum one, shape (rows, positions, 1).

    They are equal, except that positions are left out that an attention mask leaves out.
    """
    weights = torch.ones_like(inputs[..., :1])
    if isinstance(batch.inputs, Mapping):
        mask = batch.inputs.get("attention_mask")
        if isinstance(mask, Tensor) and mask.shape == (len(batch), inputs.shape[1]):
            weights = mask.to(inputs.device)[rows, :, None].to(inputs.dtype)
    return weights / weights.sum(dim=1, keepdim=True).clamp(min=1)
