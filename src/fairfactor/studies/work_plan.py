"""What a command would do, how long it may take and what it needs, without doing it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.data.encoding import TableEncoder
from fairfactor.data.splits import RowParts, benchmark_split, paper_split
from fairfactor.data.task import TableTask
from fairfactor.finetuning import mean_loss
from fairfactor.groups import Groups
from fairfactor.importance import select_layers
from fairfactor.models.mlp import build_mlp
from fairfactor.peers import PEERS
from fairfactor.rank import break_even_rank
from fairfactor.starting_model import StartingModel
from fairfactor.studies.parallel import one_thread
from fairfactor.studies.reported import describe_data
from fairfactor.studies.seed_run import cells
from fairfactor.surgery import count_parameters
from fairfactor.training import BATCH_SIZE, STEPS
from fairfactor.tune_config import TuneConfig

LIBRARIES_BYTES = 450_000_000
"""Memory of one process before any row is read."""
_COPIES = 3  # of the inputs: as encoded, by part of the split, and the batch of a forward pass
_TIMED_STEPS = 5
_MEASURED_ROWS = 18_089
_RECIPES, _PEERS = 7.6, 72.0
"""Seconds of the three default recipes, and of all peers, for a second of pre-training, with so
many training rows: benchmarks/results/compare-adult-sex.json."""

Config = RunConfig | TuneConfig | CompareConfig


@dataclass(frozen=True)
class PlannedLayer:
    """A linear layer of the network.

    Attributes:
        name: Its name.
        shape: Outputs and inputs.
        parameters: Its parameters, the bias included.
        break_even_rank: The largest rank whose factors have fewer weights.
    """

    name: str
    shape: tuple[int, int]
    parameters: int
    break_even_rank: int


@dataclass(frozen=True)
class WorkPlan:
    """What a command would do.

    Attributes:
        data: As in ``metrics.json``: rows, columns, groups with their sizes in each part.
        layers: The layers of the network that has a weight matrix.
        parameters: Parameters of the network.
        steps: What is done, in order.
        seconds: Rough time on this machine as busy as it is now.
        memory: Rough memory at the peak, in bytes.
    """

    data: dict[str, Any]
    layers: tuple[PlannedLayer, ...]
    parameters: int
    steps: tuple[str, ...]
    seconds: float
    memory: int


def plan_work(
    task: TableTask,
    groups: Groups,
    config: Config,
    description: dict[str, str],
    *,
    start: StartingModel | None = None,
    workers: int = 1,
) -> WorkPlan:
    """Plan a run, a tuning or a comparison; a few training steps are timed.

    Args:
        task: The table.
        groups: Group of each row.
        config: What is asked for.
        description: Name, licence and citation of the data.
        start: The pre-trained network to start from.
        workers: Processes that share the seeds.

    Returns:
        The plan.
    """
    parts, encoding = _split(task, config)
    training = parts["pretraining" if "pretraining" in parts else "train"]
    encoder = start.fitting_encoder(task) if start else None
    encoder = encoder or TableEncoder.fit(task.inputs.iloc[training], encoding)
    inputs, classes = len(encoder.feature_names), len(task.class_names)
    network: nn.Module = build_mlp((inputs, *config.widths, classes), seed=0)
    untrained = True
    if start is not None:
        network, untrained = start.build(inputs, task.class_names, 0)
    sizes = {name: Groups(groups.codes[rows], groups.names).counts for name, rows in parts.items()}
    rows = {name: len(part) for name, part in parts.items()}
    seconds = _seconds(network, inputs, classes, rows, config, trained=not untrained)
    seeds = 1 if isinstance(config, TuneConfig) else config.seeds
    busy = min(workers, seeds)
    return WorkPlan(
        data=describe_data(task, groups, description, encoder.feature_names, sizes),
        layers=_layers(network),
        parameters=count_parameters(network).total,
        steps=(*_encoder_steps(config), *_steps(config, start, len(task.class_names))),
        seconds=seconds * math.ceil(seeds / busy),
        memory=busy * _memory(network, inputs, len(task.frame), rows, config)
        + int(task.frame.memory_usage(deep=True).sum()) * (1 + (busy > 1) * busy),
    )


def _split(task: TableTask, config: Config) -> tuple[RowParts, Any]:
    """The parts of the first seed, and how categories are encoded."""
    if isinstance(config, RunConfig):
        split = paper_split(
            len(task.frame),
            seed=config.first_seed,
            together=task.together,
            published=task.published,
        )
        return split, config.table_encoding
    seed = config.seed if isinstance(config, TuneConfig) else config.first_seed
    return benchmark_split(
        task.labels, seed=seed, together=task.together, published=task.published
    ), "one_hot"


def _layers(network: nn.Module) -> tuple[PlannedLayer, ...]:
    return tuple(
        PlannedLayer(
            name,
            (layer.out_features, layer.in_features),
            count_parameters(layer).total,
            break_even_rank(layer.out_features, layer.in_features),
        )
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear)
    )


def _encoder_steps(config: Config) -> tuple[str, ...]:
    """What is done with the encoder of texts before its features are taken; untimed."""
    if not config.layers:
        return ()
    form = "factors in place of" if config.mode == "replace" else "an adapter on"
    epochs = f"{config.encoder_epochs} epochs on the training rows"
    return (f"tune {form} {', '.join(config.layers)} of the encoder, {epochs}; this takes longer",)


def _steps(config: Config, start: StartingModel | None, classes: int) -> tuple[str, ...]:
    if isinstance(config, RunConfig):
        ranks = ", ".join(map(str, config.rank))
        budget = f"{config.epochs} epochs at each of {len(config.learning_rates)} learning rates"
        first = f"pre-train for {config.pretraining_epochs} epochs"
        return (
            f"{config.seeds} seeds, each with its own split and weights",
            first if start is None else f"take the network of {start.name}",
            f"{len(cells(config))} ways to fine-tune the last layer (ranks {ranks}), for {budget}",
        )
    first = "pre-train the network" if start is None else f"take the network of {start.name}"
    if start is not None and start.class_names is not None and len(start.class_names) != classes:
        first += ", with a new last layer"
    recipes = f"recipes {', '.join(config.recipes)}"
    if isinstance(config, TuneConfig):
        bounds = " and ".join(config.constraint) or "no bound: the frontier"
        return (first, recipes, f"choose by {bounds} at confidence {config.confidence:g}")
    peers = f"{len(config.peers)} peers at up to {config.settings} settings"
    return (f"{config.seeds} seeds", first, recipes, peers)


def _seconds(
    network: nn.Module,
    inputs: int,
    classes: int,
    rows: dict[str, int],
    config: Config,
    *,
    trained: bool,
) -> float:
    """Time of one seed."""
    with one_thread():
        if isinstance(config, RunConfig):
            step, look = _timed(network, inputs, classes, config.batch_size)
            passes = 0 if trained else config.pretraining_epochs * rows["pretraining"]
            last = next(iter(select_layers(network, "head").values()))
            width = cast("nn.Linear", last).in_features
            small, glance = _timed(last, width, classes, config.batch_size)
            trainings = len(cells(config)) * config.epochs * len(config.learning_rates)
            tuned = trainings * (rows["train"] * small + rows["validation"] * glance)
            return passes * (step + look) + tuned + trainings * rows["train"] * glance
        step, _ = _timed(network, inputs, classes, min(BATCH_SIZE, rows["train"]))
    pretraining = STEPS * min(BATCH_SIZE, rows["train"]) * step
    scale = rows["train"] / _MEASURED_ROWS
    total = pretraining * (1 + _RECIPES * scale * len(config.recipes) / 3)
    if isinstance(config, CompareConfig):
        total += pretraining * _PEERS * scale * len(config.peers) / len(PEERS)
    return total


def _timed(network: nn.Module, inputs: int, classes: int, batch: int) -> tuple[float, float]:
    """Seconds of a training step and of a forward pass, for each row; the network stays as is."""
    generator = torch.Generator().manual_seed(0)
    examples = torch.randn(batch, inputs, generator=generator)
    labels = torch.randint(classes, (batch,), generator=generator)
    seconds: dict[str, list[float]] = {"step": [], "look": []}
    parameters = list(network.parameters())
    for _ in range(_TIMED_STEPS):
        began = perf_counter()
        loss = functional.cross_entropy(network(examples), labels)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        seconds["step"].append(perf_counter() - began)
        del gradients
        began = perf_counter()
        mean_loss(network, (examples, labels))
        seconds["look"].append(perf_counter() - began)
    # Adam reads and writes each parameter some three times more than the gradient does.
    return 1.5 * float(np.median(seconds["step"])) / batch, float(
        np.median(seconds["look"])
    ) / batch


def _memory(
    network: nn.Module, inputs: int, total: int, rows: dict[str, int], config: Config
) -> int:
    """Bytes of one process: inputs, and for recipes the widest features of the training rows."""
    floats = _COPIES * total * inputs
    if not isinstance(config, RunConfig):
        widths: Sequence[int] = [layer.shape[1] for layer in _layers(network)] or [inputs]
        floats += 3 * rows["train"] * (inputs + sum(sorted(widths)[-2:]))
    return LIBRARIES_BYTES + 4 * floats
