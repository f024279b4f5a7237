"""Per-sample losses, and the label distributions under which their gradients are squared."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from fairfactor.errors import ArgumentError, DataError

LossName = Literal["cross_entropy", "binary_cross_entropy", "mean_squared_error"]
Labels = Literal["observed", "predicted", "sampled"]
PerSampleLoss = Callable[[Tensor, Any], Tensor]


class Objective:
    """Scalars per sample whose squared gradients add up to the Fisher information of that sample.

    For observed labels this is the loss ℓ(z, y) itself. For predicted labels, the expectation of
    (∂ℓ/∂θ)² over y ~ p(y | z) is exact with one scalar per output k of the model, the others being
    constants:

    - cross-entropy: √p_k ℓ(z, k), with p = softmax(z)
    - binary cross-entropy: √(p_k (1 - p_k)) z_k / K, with p = sigmoid(z)
    - mean squared error: √(2 / K) z_k, with y normal around z and variance K / 2, the distribution
      of which the loss is the negative log-likelihood

    Args:
        loss: Name of a loss, or a callable from (outputs, targets) to losses of shape (samples,).
            The named losses average over the outputs of a sample, so their mean over samples is
            what torch's function of that name returns.
        labels: ``"observed"``, ``"predicted"`` (exact) or ``"sampled"`` (one draw per sample).
        seed: Seed of the draws.

    Raises:
        ArgumentError: If the loss or the label mode is unknown, or a callable is to draw labels.
    """

    def __init__(self, loss: LossName | PerSampleLoss, labels: Labels, seed: int) -> None:
        if labels not in get_args(Labels):
            raise ArgumentError("labels", labels, f"one of {', '.join(get_args(Labels))}")
        if not callable(loss) and loss not in get_args(LossName):
            raise ArgumentError(
                "loss", loss, f"one of {', '.join(get_args(LossName))}, or a callable"
            )
        if callable(loss) and labels != "observed":
            raise ArgumentError(
                "labels",
                labels,
                "'observed' for a callable loss, which defines no distribution of labels",
                "Use labels='observed', or a loss by name.",
            )
        self._loss = loss
        self._labels = labels
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, outputs: Tensor, targets: Any) -> list[Tensor]:
        """Return the scalars of all samples, each of shape (samples,).

        Args:
            outputs: Outputs of the model, samples first.
            targets: Observed targets; not read unless the labels are the observed ones.

        Returns:
            One tensor for observed and sampled labels, one per output for predicted labels.
        """
        if callable(self._loss):
            return [_checked_losses(self._loss(outputs, targets), len(outputs))]
        outputs = _float(_matrix(self._loss, outputs))
        if self._labels == "predicted":
            return _expectation(self._loss, outputs)
        if self._labels == "sampled":
            targets = _draw(self._loss, outputs.detach(), self._generator)
        return [_losses(self._loss, outputs, targets)]


def _matrix(loss: LossName, outputs: Tensor) -> Tensor:
    """Return outputs of shape (samples, outputs)."""
    if outputs.dim() == 1 and loss != "cross_entropy":
        return outputs[:, None]
    least = 2 if loss == "cross_entropy" else 1
    if outputs.dim() != 2 or outputs.shape[1] < least:
        remedy = "Use loss='binary_cross_entropy' for one logit." if outputs.dim() == 2 else ""
        raise ArgumentError(
            "loss",
            loss,
            f"outputs of shape (samples, outputs) with at least {least} outputs, "
            f"and the model gave {tuple(outputs.shape)}",
            remedy or "Give forward= to select them, or the loss as a callable.",
        )
    return outputs


def _float(outputs: Tensor) -> Tensor:
    """Return outputs in float32 at least, so that losses of half precision do not lose digits."""
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


def _observed(targets: Any, outputs: Tensor) -> Tensor:
    """Return targets as a tensor where the outputs are.

    Raises:
        DataError: If they are not numbers.
    """
    try:
        return torch.as_tensor(targets).to(outputs.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"Targets are {targets!r:.60}: expected a tensor or numbers. Encode classes as 0, 1, 2."
        ) from error


def _losses(loss: LossName, outputs: Tensor, targets: Any) -> Tensor:
    """Return the loss of each sample at given targets."""
    observed = _observed(targets, outputs)
    if loss == "cross_entropy":
        classes = outputs.shape[1]
        if observed.shape != outputs.shape[:1] or observed.is_floating_point():
            raise DataError(
                f"Targets of shape {tuple(observed.shape)} and type {observed.dtype} do not fit "
                f"cross_entropy: expected {len(outputs)} integer class codes."
            )
        codes = observed.long()
        lowest, highest = codes.aminmax()
        for code in (int(lowest), int(highest)):
            if not 0 <= code < classes:
                raise DataError(
                    f"Target {code} is out of range: the model has {classes} outputs, "
                    f"so classes are 0 to {classes - 1}. Exclude rows without a class by group -1."
                )
        return functional.cross_entropy(outputs, codes, reduction="none")
    if observed.numel() != outputs.numel() or len(observed) != len(outputs):
        raise DataError(
            f"Targets of shape {tuple(observed.shape)} do not fit {loss}: "
            f"expected {tuple(outputs.shape)}, like the outputs."
        )
    values = observed.reshape(outputs.shape).to(outputs.dtype)
    if loss == "mean_squared_error":
        return (outputs - values).square().mean(dim=1)
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise DataError("Targets of binary_cross_entropy must lie from 0 to 1.")
    return functional.binary_cross_entropy_with_logits(outputs, values, reduction="none").mean(
        dim=1
    )


def _expectation(loss: LossName, outputs: Tensor) -> list[Tensor]:
    """Return one scalar per output whose squared gradients sum to the expectation over labels."""
    number = outputs.shape[1]
    if loss == "cross_entropy":
        log_probabilities = outputs.log_softmax(dim=1)
        factors = (log_probabilities.detach() / 2).exp()
        return list((-log_probabilities * factors).unbind(dim=1))
    if loss == "binary_cross_entropy":
        probabilities = outputs.detach().sigmoid()
        factors = (probabilities * (1 - probabilities)).sqrt() / number
        return list((outputs * factors).unbind(dim=1))
    return list((outputs * math.sqrt(2 / number)).unbind(dim=1))


def _draw(loss: LossName, outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one target per sample from the model's own predictive distribution."""
    located = outputs.cpu()
    if loss == "cross_entropy":
        return torch.multinomial(located.softmax(dim=1), 1, generator=generator)[:, 0]
    if loss == "binary_cross_entropy":
        return torch.bernoulli(located.sigmoid(), generator=generator)
    noise = torch.randn(located.shape, generator=generator, dtype=located.dtype)
    return located + noise * math.sqrt(located.shape[1] / 2)


def _checked_losses(losses: object, number_of_samples: int) -> Tensor:
    """Return the result of a callable loss if it is one loss per sample."""
    shape = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
    if not isinstance(losses, Tensor) or shape != (number_of_samples,):
        raise ArgumentError(
            "loss",
            shape,
            f"a callable that returns one loss per sample, shape ({number_of_samples},)",
            "Use reduction='none', and average over what is within a sample.",
        )
    return losses
