"""How samples meet the weight of a layer: at which positions, and with which gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def input_positions(layer: nn.Module, inputs: Tensor) -> Tensor:
    """Arrange inputs of a layer as (samples, positions, in).

    Args:
        layer: A supported layer.
        inputs: What it read, samples first.

    Returns:
        The inputs, in which a convolution meets its weight once per output pixel, with the patch
        under the kernel as input.
    """
    if not isinstance(layer, nn.Conv2d):
        return inputs.reshape(len(inputs), -1, inputs.shape[-1])
    inputs, padding = _padded(layer, inputs)
    if _is_pointwise(layer, padding):
        return inputs.flatten(start_dim=2).transpose(1, 2)
    patches = functional.unfold(inputs, layer.kernel_size, layer.dilation, padding, layer.stride)
    return patches.transpose(1, 2)


def output_positions(layer: nn.Module, gradients: Tensor) -> Tensor:
    """Arrange gradients of a layer's output as (samples, positions, out)."""
    if isinstance(layer, nn.Conv2d):
        return gradients.flatten(start_dim=2).transpose(1, 2)
    return gradients.reshape(len(gradients), -1, gradients.shape[-1])


def weight_gradients(layer: nn.Module, inputs: Tensor, gradients: Tensor) -> Tensor:
    """Return the weight gradient of each sample, G_i = Σ_t g_it x_itᵀ, as a matrix.

    Args:
        layer: A supported layer.
        inputs: What it read, samples first.
        gradients: Gradients of its output, samples first.

    Returns:
        G of shape (samples, out, in); for a convolution with channel groups, in is that of one
        group. On a processor, a convolution needs no patches for it.
    """
    if isinstance(layer, nn.Conv2d) and (inputs.device.type == "cpu" or layer.groups > 1):
        padded, padding = _padded(layer, inputs)
        if not _is_pointwise(layer, padding) or layer.groups > 1:
            return _convolution_gradients(layer, padded, gradients, padding)
    positions = input_positions(layer, inputs)
    return output_positions(layer, gradients).transpose(1, 2) @ positions


def _convolution_gradients(
    layer: nn.Conv2d, inputs: Tensor, gradients: Tensor, padding: tuple[int, ...]
) -> Tensor:
    """Return weight gradients of a convolution, one sample after another."""
    weight = inputs.new_empty(layer.weight.shape)  # read for its shape only
    found = [
        torch.ops.aten.convolution_backward(
            gradient,
            sample,
            weight,
            None,
            layer.stride,
            padding,
            layer.dilation,
            False,
            [0],
            layer.groups,
            [False, True, False],
        )[1]
        for sample, gradient in zip(inputs.split(1), gradients.split(1), strict=True)
    ]
    return torch.stack(found).flatten(start_dim=2)


def _padded(layer: nn.Conv2d, inputs: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """Pad inputs unless zeros are put around them evenly; return them and what is left to pad."""
    if not isinstance(layer.padding, str) and layer.padding_mode == "zeros":
        return inputs, layer.padding
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return functional.pad(inputs, layer._reversed_padding_repeated_twice, mode=mode), (0, 0)


def _is_pointwise(layer: nn.Conv2d, padding: tuple[int, ...]) -> bool:
    """Tell whether each output pixel reads one input pixel, none left out."""
    return layer.kernel_size == layer.stride == (1, 1) and padding == (0, 0)
