"""Refusal of models in which a sample's gradient is random or depends on other samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from fairfactor.distributed import Processes
from fairfactor.errors import ArgumentError
from fairfactor.importance.batches import Batch, rows_of_inputs, run_model

_ROUNDING = 0.01  # of the largest output; of half precision, ten times as much


def refuse_sample_dependence(model: nn.Module) -> None:
    """Refuse active dropout and normalisation over the batch.

    Both are found in the modules: dropout by any positive setting with "drop" in its name, on a
    module in training mode. For what a model does in functions of its own there is
    :func:`refuse_changing_outputs`.

    Args:
        model: The model.

    Raises:
        ArgumentError: If a module would make gradients random, or mix samples.
    """
    for name, module in model.named_modules():
        problem = _problem(module)
        if problem:
            raise ArgumentError(
                "model",
                f"{name or 'model'}: {type(module).__name__}",
                f"a model whose samples do not interact, without noise, and {problem}",
                "Call model.eval() first."
                if module.training
                else "Replace it, or give it track_running_stats=True and train it.",
            )


def refuse_changing_outputs(
    model: nn.Module, batch: Batch, outputs: Tensor, processes: Processes
) -> None:
    """Refuse a model that gives two samples other outputs on their own than in their batch.

    So random functions such as ``functional.dropout``, and functions over the batch, are found if
    their effect is larger than rounding. Nothing is looked at where the inputs are not tensors with
    the samples along the first dimension, or fewer than two samples have a group.

    Args:
        model: The model.
        batch: A batch.
        outputs: Its outputs, all samples.
        processes: Those that must run the model together.

    Raises:
        ArgumentError: If the outputs differ.
    """
    rows = (batch.groups >= 0).nonzero()[:2, 0]
    inputs = rows_of_inputs(batch, rows)
    cannot = inputs is None or len(rows) < 2 or not outputs.is_floating_point()
    if any(processes.largest(int(cannot))):
        return
    with torch.no_grad():
        alone = run_model(model, Batch(inputs, None, batch.groups[rows]), None)
        together = outputs.detach()[rows]
        if alone.shape != together.shape:
            return
        is_half = torch.finfo(outputs.dtype).bits < 32
        is_half |= torch.is_autocast_enabled(outputs.device.type)
        tolerance = _ROUNDING * (10 if is_half else 1)
        if bool(((alone - together).abs() > tolerance * together.abs().max()).any()):
            raise ArgumentError(
                "model",
                type(model).__name__,
                "a model that gives a sample the same outputs every time and in every batch, and "
                "this one is random or mixes samples in its own functions",
                "Call functional.dropout with training=self.training, and take no mean over the "
                "batch.",
            )


def _problem(module: nn.Module) -> str:
    """Say what a module does that it must not, or nothing."""
    if isinstance(module, _NormBase):
        uses_batch = isinstance(module, nn.modules.batchnorm._BatchNorm)
        if uses_batch and (module.training or module.running_mean is None):
            return "this one normalises over the batch"
        if module.training and module.track_running_stats:
            return "this one updates its statistics"
    if module.training:
        for setting, value in vars(module).items():
            is_dropout = isinstance(module, nn.modules.dropout._DropoutNd) and setting == "p"
            if (is_dropout or "drop" in setting) and isinstance(value, float) and value > 0:
                return f"this one drops values at random ({setting}={value})"
    return ""
