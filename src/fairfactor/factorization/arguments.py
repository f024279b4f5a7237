"""Checks of a weight, a rank and companions of the weight, shared by the factorisations."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fairfactor.errors import ArgumentError


def describe(tensor: Tensor) -> str:
    """Return a tensor's dtype and shape in words, for an error message."""
    return f"{str(tensor.dtype).removeprefix('torch.')} tensor of shape {tuple(tensor.shape)}"


def checked_weight(weight: Tensor) -> Tensor:
    """Return the weight in float64, detached, on a device that has float64.

    Raises:
        ArgumentError: If the weight is not a finite, non-empty, floating-point matrix.
    """
    if not weight.is_floating_point() or weight.ndim != 2 or weight.numel() == 0:
        raise ArgumentError(
            "weight",
            describe(weight),
            "a floating-point matrix of shape (out, in)",
            "Flatten a convolution kernel to (out, in) first.",
        )
    device = torch.device("cpu") if weight.device.type == "mps" else weight.device
    result = weight.detach().to(device=device, dtype=torch.float64)
    if not result.isfinite().all():
        raise ArgumentError(
            "weight",
            f"{int((~result.isfinite()).sum())} entries that are NaN or infinite",
            "finite entries",
            "Look for a diverged training run before you factorise.",
        )
    return result


def checked_rank(rank: object, shape: tuple[int, int]) -> int:
    """Return the rank as an int in ``1 .. min(out, in)``.

    Raises:
        ArgumentError: If the rank is not an integer of that range.
    """
    largest = min(shape)
    if isinstance(rank, bool) or not isinstance(rank, int | np.integer) or not 1 <= rank <= largest:
        raise ArgumentError(
            "rank",
            rank,
            f"an integer from 1 to {largest} for a weight of {shape[0]} x {shape[1]}",
            f"Rank {largest} keeps the weight as it is.",
        )
    return int(rank)


def checked_companion(
    tensor: Tensor, argument: str, like: Tensor, *, accepted: str, shapes: list[tuple[int, ...]]
) -> Tensor:
    """Return a tensor that accompanies a weight, in float64 and on the weight's device.

    Args:
        tensor: The tensor to check.
        argument: Its name in the caller's signature.
        like: The checked weight.
        accepted: What is accepted, in words, for the message.
        shapes: The accepted shapes; -1 stands for any size.

    Raises:
        ArgumentError: If the tensor is not floating-point, not finite, or of another shape.
    """
    fits = any(
        tensor.ndim == len(shape)
        and all(
            size == wanted or wanted == -1 for size, wanted in zip(tensor.shape, shape, strict=True)
        )
        for shape in shapes
    )
    if not tensor.is_floating_point() or not fits:
        raise ArgumentError(
            argument, describe(tensor), accepted, "Compute it from the inputs of the same layer."
        )
    result = tensor.detach().to(device=like.device, dtype=torch.float64)
    if not result.isfinite().all():
        raise ArgumentError(
            argument,
            f"{int((~result.isfinite()).sum())} entries that are NaN or infinite",
            accepted,
            "Check the data that it was computed from.",
        )
    return result
