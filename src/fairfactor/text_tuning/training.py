"""The training loop of text classifiers, on any device and precision through accelerate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fairfactor.checkpoints import Checkpoints
from fairfactor.errors import ArgumentError, FairfactorError, TrainingError
from fairfactor.features import evaluation_mode
from fairfactor.optional import optional_module
from fairfactor.stored_values import load_value, save_value
from fairfactor.text_settings import TextTuningConfig
from fairfactor.text_tuning.objective import BatchObjective, mean_cross_entropy
from fairfactor.text_tuning.rows import ShuffledBatches, TextRows

_WARM_UP = 0.1  # share of the steps in which the learning rate rises
_LARGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class TextTuningHistory:
    """What happened in a training.

    Attributes:
        training_objective: Mean objective over the batches of each epoch.
        validation_loss: Mean cross-entropy on validation rows before, then after each epoch.
        best_epoch: The epoch whose parameters were kept, from 1.
    """

    training_objective: tuple[float, ...]
    validation_loss: tuple[float, ...]
    best_epoch: int


def train(
    model: nn.Module,
    rows: TextRows,
    validation: TextRows,
    objective: BatchObjective,
    config: TextTuningConfig,
    *,
    checkpoints: Checkpoints | None = None,
    trackers: tuple[str, ...] = (),
    tracked_in: Path | None = None,
    on_epoch: Callable[[], None] = lambda: None,
) -> TextTuningHistory:
    """Minimise an objective over the trainable parameters of a model, in place.

    AdamW; the learning rate rises linearly over a tenth of the steps and falls linearly to zero.
    The objective of an epoch with a gap in it is no guide to the epoch to keep, so a run with
    cross-entropy keeps the epoch with the lowest validation loss and any other keeps the last one.

    Args:
        model: From token ids to an output with ``logits``.
        rows: Rows to train on.
        validation: Rows to choose the epoch on.
        objective: What is minimised.
        config: Epochs, learning rate, batch size, accumulation, precision and seed.
        checkpoints: Where finished epochs are kept, so that an interrupted training goes on.
        trackers: Names of trackers of accelerate, such as ``"tensorboard"``.
        tracked_in: Folder of those that write files.
        on_epoch: Called after each epoch.

    Returns:
        What happened.

    Raises:
        TrainingError: If nothing is trainable, or a loss is not finite.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise TrainingError("No parameter is trainable: choose layers, or unfreeze some.")
    loop = _Loop(model, rows, objective, config, trackers, tracked_in)
    objectives: list[float] = []
    losses = [_validation_loss(model, validation)]
    best: tuple[float, int, dict[str, Tensor]] | None = None
    kept = checkpoints or Checkpoints()
    for epoch in range(1, config.epochs + 1):
        snapshot = kept.once(
            f"epoch-{epoch}",
            partial(loop.run_epoch, epoch, validation),
            save_value,
            partial(load_value, kinds=()),
        )
        loop.restore(snapshot)
        objectives.append(snapshot["objective"])
        losses.append(snapshot["validation_loss"])
        if not math.isfinite(objectives[-1] + losses[-1]):
            raise TrainingError(
                f"The loss is not finite in epoch {epoch} with learning_rate="
                f"{config.learning_rate}. Try a smaller one."
            )
        if best is None or losses[-1] < best[0] or config.objective != "accuracy":
            best = (losses[-1], epoch, snapshot["parameters"])
        on_epoch()
    assert best is not None
    loop.set_parameters(best[2])
    loop.end()
    return TextTuningHistory(tuple(objectives), tuple(losses), best[1])


class _Loop:
    """Model, optimizer and batches as accelerate prepared them."""

    def __init__(
        self,
        model: nn.Module,
        rows: TextRows,
        objective: BatchObjective,
        config: TextTuningConfig,
        trackers: tuple[str, ...],
        tracked_in: Path | None,
    ) -> None:
        self.model, self.objective, self.config = model, objective, config
        self.trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.accelerator = _accelerator(config, trackers, tracked_in)
        self.order = ShuffledBatches([len(ids) for ids in rows.ids], config.batch_size, config.seed)
        loader: DataLoader[Any] = DataLoader(
            range(len(rows)),  # type: ignore[arg-type]  # a sequence is a dataset
            batch_sampler=self.order,
            collate_fn=rows.batch,
        )
        optimizer = torch.optim.AdamW(self.trained.values(), lr=config.learning_rate)
        prepared = self.accelerator.prepare(model, optimizer, loader)
        self.wrapped, self.optimizer, self.loader = prepared
        self.steps = math.ceil(len(self.loader) / config.accumulation)

    def run_epoch(self, epoch: int, validation: TextRows) -> dict[str, Any]:
        """Train for one epoch.

        Args:
            epoch: Its number, from 1.
            validation: Rows to measure the loss on.

        Returns:
            All that the next epoch needs, and what happened.
        """
        self.order.epoch = epoch
        self.wrapped.train()
        total, batches = 0.0, 0
        step = (epoch - 1) * self.steps
        with torch.random.fork_rng(devices=_devices()):
            torch.manual_seed(self.config.seed * 10_007 + epoch)
            for inputs, labels, groups in self.loader:
                with self.accelerator.accumulate(self.wrapped):
                    self._set_learning_rate(step)
                    logits = self.wrapped(**inputs).logits.float()
                    loss = self.objective(logits, labels, groups)
                    self.accelerator.backward(loss)
                    if self.accelerator.sync_gradients:
                        parameters = list(self.trained.values())
                        self.accelerator.clip_grad_norm_(parameters, _LARGEST_GRADIENT)
                        step += 1
                    self.optimizer.step()
                    self.optimizer.zero_grad()
                total, batches = total + float(loss.detach()), batches + 1
        self.model.eval()
        found = {
            "objective": total / batches,
            "validation_loss": _validation_loss(self.model, validation),
        }
        self.accelerator.log(found, step=epoch)
        scaler = self.accelerator.scaler
        return {
            **found,
            "parameters": {name: p.detach().cpu().clone() for name, p in self.trained.items()},
            "optimizer": self.optimizer.state_dict(),
            "memory": self.objective.memory(),
            "scaler": None if scaler is None else scaler.state_dict(),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take the state after an epoch.

        Args:
            snapshot: What `run_epoch` returned.
        """
        self.set_parameters(snapshot["parameters"])
        self.optimizer.load_state_dict(snapshot["optimizer"])
        self.objective.remember(snapshot["memory"])
        if snapshot["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(snapshot["scaler"])

    def set_parameters(self, parameters: Mapping[str, Tensor]) -> None:
        """Copy trained parameters.

        Args:
            parameters: By name.
        """
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(parameters[name])

    def end(self) -> None:
        """Close the trackers and let go of the model."""
        self.accelerator.unwrap_model(self.wrapped, keep_fp32_wrapper=False).eval()
        vars(self.model).pop("forward", None)  # of mixed precision; that of the class is left
        self.accelerator.end_training()
        self.accelerator.free_memory()

    def _set_learning_rate(self, step: int) -> None:
        total = self.steps * self.config.epochs
        rising = max(1.0, _WARM_UP * total)
        share = min((step + 1) / rising, max(0.0, (total - step) / max(1.0, total - rising)))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * share


def _accelerator(
    config: TextTuningConfig, trackers: tuple[str, ...], tracked_in: Path | None
) -> Any:
    """Make the accelerator.

    Returns:
        It.

    Raises:
        ArgumentError: If precision or trackers do not work here.
    """
    accelerate = optional_module(
        "accelerate",
        FairfactorError(
            "Training text classifiers needs accelerate. Install it: "
            "pip install 'fairfactor[text]'."
        ),
    )
    try:
        accelerator = accelerate.Accelerator(
            mixed_precision=config.precision,
            gradient_accumulation_steps=config.accumulation,
            log_with=list(trackers) or None,
            project_dir=None if tracked_in is None else str(tracked_in),
        )
    except ValueError as error:
        cause = " ".join(str(error).split())[:200]
        given = {"precision": config.precision, "trackers": trackers}
        raise ArgumentError("accelerate", given, f"what works here ({cause})") from error
    if trackers:
        options = {k: str(v) for k, v in config.to_dict().items()}
        accelerator.init_trackers("fairfactor", config=options)
    return accelerator


def _validation_loss(model: nn.Module, rows: TextRows) -> float:
    logits, labels = zip(*((predict_logits(model, b[0]), b[1]) for b in rows), strict=True)
    return mean_cross_entropy(torch.cat(logits), torch.cat(labels))


def predict_logits(model: nn.Module, inputs: Mapping[str, Tensor]) -> Tensor:
    """Logits of one batch, in evaluation mode and without gradients.

    Args:
        model: From token ids to an output with ``logits``.
        inputs: Token ids and mask.

    Returns:
        float32 on the processor, (rows × classes).
    """
    device = next(model.parameters()).device
    with evaluation_mode(model):
        output: Any = model(**{name: tensor.to(device) for name, tensor in inputs.items()})
    logits: Tensor = output.logits
    return logits.float().cpu()


def _devices() -> list[int]:
    return list(range(torch.cuda.device_count()))
