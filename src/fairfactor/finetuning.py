"""Box 5: fine-tune the factors, and whatever else may be trained, by the data of the new task."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.errors import ArgumentError, DataError, FairfactorWarning, TrainingError
from fairfactor.features import evaluation_mode

LARGEST_INTEGER = 2**32

Examples = tuple[Tensor, Tensor]
"""Inputs and class labels of the same number of rows."""


def require_integer(
    argument: str, value: object, lowest: int, highest: int = LARGEST_INTEGER
) -> None:
    """Check that an argument is an integer within bounds.

    Args:
        argument: Its name.
        value: Its value.
        lowest: The smallest integer that is accepted.
        highest: The largest.

    Raises:
        ArgumentError: If it is not.
    """
    if type(value) is not int or not lowest <= value <= highest:
        raise ArgumentError(argument, value, f"an integer from {lowest} to {highest}")


@dataclass(frozen=True)
class FinetuneConfig:
    """How to fine-tune; every method of a comparison gets the same one, hence the same budget."""

    learning_rates: tuple[float, ...] = field(
        default=(0.01, 0.001, 0.0001),
        metadata={"help": "Learning rates to try; validation loss chooses."},
    )
    epochs: int = field(default=10, metadata={"help": "Passes over the training rows."})
    batch_size: int = field(default=512, metadata={"help": "Rows in each step."})

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ArgumentError: If a value is not positive and finite.
        """
        if not self.learning_rates or not all(
            math.isfinite(rate) and rate > 0 for rate in self.learning_rates
        ):
            raise ArgumentError(
                "learning_rates", self.learning_rates, "one or more positive finite numbers"
            )
        for name in ("epochs", "batch_size"):
            require_integer(name, getattr(self, name), 1)


@dataclass(frozen=True)
class FinetuneHistory:
    """What happened in one fine-tuning.

    Attributes:
        learning_rate: The learning rate whose best epoch had the lowest validation loss.
        best_epoch: That epoch, from 1; its parameters were kept.
        training_loss: Mean loss over the training rows before training, then after each epoch.
        validation_loss: The same over the validation rows.
        candidates: How many learning rates were tried.
    """

    learning_rate: float
    best_epoch: int
    training_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    candidates: int = 1

    @property
    def loss_decreased(self) -> bool:
        """Whether the kept epoch has a lower training loss than the start."""
        return self.training_loss[self.best_epoch] < self.training_loss[0]


def finetune(
    module: nn.Module,
    train: Examples,
    validation: Examples,
    *,
    config: FinetuneConfig | None = None,
    seed: int = 0,
    on_epoch: Callable[[], None] | None = None,
) -> FinetuneHistory:
    """Train the unfrozen parameters of a module in place with cross-entropy and Adam.

    Each learning rate of the configuration starts from the same parameters and sees the same
    batches; the parameters of the epoch with the lowest validation loss, over all rates, are kept.
    For a frozen backbone pass its cached features as inputs and its head as the module
    (`fairfactor.features.layer_inputs`), so that the backbone runs once and not once an epoch.

    Args:
        module: Any module that maps inputs (rows × …) to logits (rows × classes).
        train: Inputs and class labels (int64) to train on.
        validation: Inputs and class labels that choose the learning rate and the epoch.
        config: Learning rates, epochs and batch size.
        seed: Seed of the order of the rows.
        on_epoch: Called after each epoch, for a progress bar.

    Returns:
        The history of the chosen learning rate.

    Raises:
        TrainingError: If nothing can be trained or every learning rate makes the loss infinite.

    Warns:
        FairfactorWarning: If the training loss did not decrease.
    """
    config = config or FinetuneConfig()
    _check_examples("train", train)
    _check_examples("validation", validation)
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not parameters:
        raise TrainingError(
            "No parameter of the module is trainable. Unfreeze the factors with requires_grad_()."
        )
    start = copy.deepcopy(module.state_dict())
    best: tuple[FinetuneHistory, dict[str, Tensor]] | None = None
    for rate in config.learning_rates:
        module.load_state_dict(start)
        attempt = _train_one_rate(
            module, parameters, train, validation, config, rate, seed, on_epoch
        )
        if attempt and (best is None or _kept_loss(attempt[0]) < _kept_loss(best[0])):
            best = attempt
    if best is None:
        module.load_state_dict(start)
        raise TrainingError(
            f"The loss is not finite for learning_rates={config.learning_rates}. "
            "Try smaller ones, and check the inputs for very large values."
        )
    history, state = best
    module.load_state_dict(state)
    if not history.loss_decreased:
        warnings.warn(
            f"Fine-tuning did not lower the training loss ({history.training_loss[0]:.4f} at the "
            f"start, {history.training_loss[history.best_epoch]:.4f} after). Try other learning "
            "rates or more epochs.",
            FairfactorWarning,
            stacklevel=2,
        )
    return history


def mean_loss(module: nn.Module, examples: Examples, batch_size: int = 65536) -> float:
    """Mean cross-entropy of a module over all rows, without gradients and in evaluation mode.

    Args:
        module: A module that maps inputs to logits.
        examples: Inputs and class labels.
        batch_size: Rows in each forward pass.

    Returns:
        The mean loss.
    """
    inputs, targets = examples
    total = 0.0
    with evaluation_mode(module):
        for rows in torch.arange(len(targets)).split(batch_size):
            loss = functional.cross_entropy(module(inputs[rows]), targets[rows], reduction="sum")
            total += float(loss)
    return total / len(targets)


def _kept_loss(history: FinetuneHistory) -> float:
    return history.validation_loss[history.best_epoch]


def _train_one_rate(
    module: nn.Module,
    parameters: Sequence[nn.Parameter],
    train: Examples,
    validation: Examples,
    config: FinetuneConfig,
    rate: float,
    seed: int,
    on_epoch: Callable[[], None] | None,
) -> tuple[FinetuneHistory, dict[str, Tensor]] | None:
    """Train with one learning rate; ``None`` if the loss stops being finite."""
    optimizer = torch.optim.Adam(parameters, lr=rate, fused=True)
    generator = torch.Generator().manual_seed(seed)
    training_loss = [mean_loss(module, train)]
    validation_loss = [mean_loss(module, validation)]
    best_epoch, best_state = 0, copy.deepcopy(module.state_dict())
    for epoch in range(1, config.epochs + 1):
        for inputs, targets in _shuffled_batches(train, config.batch_size, generator):
            optimizer.zero_grad()
            functional.cross_entropy(module(inputs), targets).backward()
            optimizer.step()
        training_loss.append(mean_loss(module, train))
        validation_loss.append(mean_loss(module, validation))
        if on_epoch:
            on_epoch()
        if not math.isfinite(training_loss[-1] + validation_loss[-1]):
            break
        if best_epoch == 0 or validation_loss[-1] < validation_loss[best_epoch]:
            best_epoch, best_state = epoch, copy.deepcopy(module.state_dict())
    if best_epoch == 0:
        return None
    history = FinetuneHistory(
        learning_rate=rate,
        best_epoch=best_epoch,
        training_loss=tuple(training_loss),
        validation_loss=tuple(validation_loss),
        candidates=len(config.learning_rates),
    )
    return history, best_state


def _shuffled_batches(
    examples: Examples, batch_size: int, generator: torch.Generator
) -> Iterator[Examples]:
    inputs, targets = examples
    for rows in torch.randperm(len(targets), generator=generator).split(batch_size):
        yield inputs.index_select(0, rows), targets.index_select(0, rows)


def _check_examples(name: str, examples: Examples) -> None:
    """Refuse rows that cannot be trained on.

    Raises:
        DataError: If there are no rows, the lengths differ, a target is no class code or an input
            is not finite.
    """
    inputs, targets = examples
    if len(inputs) != len(targets):
        raise DataError(
            f"{name} has {len(inputs)} inputs and {len(targets)} targets. Give one target a row."
        )
    if len(targets) == 0:
        raise DataError(f"{name} has no rows. Give at least one.")
    if targets.dim() != 1 or targets.dtype != torch.int64 or bool((targets < 0).any()):
        raise DataError(
            f"{name} targets have shape {tuple(targets.shape)}, type {targets.dtype} and smallest "
            f"value {targets.min().item()}: expected one class code a row, int64, from 0."
        )
    if inputs.is_floating_point() and not bool(torch.isfinite(inputs).all()):
        row = int((~torch.isfinite(inputs)).flatten(1).any(dim=1).nonzero()[0])
        raise DataError(
            f"{name} inputs have a NaN or infinite value, first in row {row}. Clean it."
        )
