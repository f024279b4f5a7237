"""Refusal of models in which a sample's gradient is random or depends on other samples."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from fairfactor.errors import ArgumentError


def refuse_sample_dependence(model: nn.Module) -> None:
    """Refuse active dropout and normalisation over the batch.

    Both are found in the modules: dropout by any positive setting with "drop" in its name, on a
    module in training mode. What a model does in functions of its own cannot be seen.

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
