"""Train a factor network on the cells of class and group."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from fairfactor.errors import DataError, TrainingError
from fairfactor.mitigation.layer_factors import FactorConfig, layer_factors
from fairfactor.mitigation.low_rank_cells import FactorNetwork
from fairfactor.mitigation.recipe import TuningProblem
from fairfactor.mitigation.thresholds import ThresholdFeatures
from fairfactor.surgery import replace_layer

BatchLoss = Callable[[Tensor, Tensor], Tensor]
"""From log p(y, s | x) of a batch, (rows × classes × groups), and its row numbers to a loss."""


@dataclass(frozen=True)
class CellTrainingConfig:
    """How a factor network is trained: AdamW with one cycle of the learning rate.

    Attributes:
        factors: How its layers are factorised at the start.
        epochs: Passes over the training rows.
        batch_size: Rows in each step.
        learning_rate: Highest learning rate.
        weight_decay: Decoupled weight decay.
        dropout: Probability with which hidden units are dropped.
        input_dropout: Probability with which inputs are set to 0.
        thresholds: Most thresholds of one numeric input; 0 for none.
    """

    factors: FactorConfig = field(default_factory=FactorConfig)
    epochs: int = 40
    batch_size: int = 512
    learning_rate: float = 5e-3
    weight_decay: float = 1e-2
    dropout: float = 0.1
    input_dropout: float = 0.1
    thresholds: int = 32


def tuned_factor_network(
    problem: TuningProblem,
    *,
    seed: int,
    config: CellTrainingConfig | None = None,
    on_epoch: Callable[[], None] | None = None,
) -> FactorNetwork:
    """Replace every hidden layer by low-rank factors and train them on the cells.

    Args:
        problem: The pre-trained network and the training rows.
        seed: Seed of the order of the rows and of dropout; the global generator stays as it was.
        config: How.
        on_epoch: Called after each epoch.

    Returns:
        The network, frozen and in evaluation mode.

    Raises:
        DataError: If no training row has a group.
        TrainingError: If the loss stops being finite.
    """  # noqa: DOC502 - raised by train_factors
    config = config or CellTrainingConfig()
    rows = problem.train.groups >= 0
    if not bool(rows.any()):
        raise DataError("no training row has a group: give codes of at least two groups.")
    inputs = problem.train.inputs[rows]
    cells = problem.train.labels[rows] * len(problem.group_names) + problem.train.groups[rows]

    def cell_loss(log_cells: Tensor, rows: Tensor) -> Tensor:
        return functional.nll_loss(log_cells.flatten(1), cells[rows])

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = initial_factor_network(problem, inputs, config, len(problem.group_names))
        train_factors(network, inputs, cell_loss, config, on_epoch)
    return network


def initial_factor_network(
    problem: TuningProblem, inputs: Tensor, config: CellTrainingConfig, n_groups: int
) -> FactorNetwork:
    """Boxes 1 to 4: the backbone as factors, with threshold features beside its inputs.

    Args:
        problem: The pre-trained network and the training rows.
        inputs: Inputs that thresholds are placed on.
        config: How.
        n_groups: Groups that the network tells apart; 1 for a network of classes alone.

    Returns:
        The network, all of it to be trained.
    """
    expand = ThresholdFeatures.fit(inputs, most=config.thresholds)
    number = len(expand.values)
    network = FactorNetwork(
        problem.backbone,
        number,
        len(problem.class_names),
        n_groups,
        dropout=config.dropout,
        input_dropout=config.input_dropout,
    )
    network.expand = expand
    names = network.factorised_layers
    train = problem.train
    factors = layer_factors(
        problem.backbone, names, train.inputs, train.labels, train.groups, config.factors
    )
    for index, name in enumerate(names):
        pair = factors[name]
        if index == 0:
            blank = pair.down.new_zeros(len(pair.down), number)
            pair = dataclasses.replace(pair, down=torch.cat([pair.down, blank], dim=1))
        replace_layer(network.trunk, name, pair)
    return network


def train_factors(
    network: FactorNetwork,
    inputs: Tensor,
    loss_of: BatchLoss,
    config: CellTrainingConfig,
    on_epoch: Callable[[], None] | None = None,
) -> None:
    """Train a factor network in place, and leave it frozen and in evaluation mode.

    Args:
        network: The network.
        inputs: Inputs of the training rows.
        loss_of: Loss of a batch.
        config: How.
        on_epoch: Called after each epoch.

    Raises:
        TrainingError: If the loss stops being finite.
    """
    size = min(config.batch_size, len(inputs))
    steps = len(inputs) // size
    network.requires_grad_(requires_grad=True)
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )
    total = config.epochs * steps
    rise = 0.1 if total != 10 else 0.15  # a tenth of 10 steps is a rise of no length: 0 / 0
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=total, pct_start=rise
    )
    network.train()
    for _ in range(config.epochs):
        for rows in torch.randperm(len(inputs))[: steps * size].split(size):
            optimizer.zero_grad()
            loss_of(network(inputs[rows]), rows).backward()
            optimizer.step()
            schedule.step()
        if on_epoch:
            on_epoch()
    network.requires_grad_(requires_grad=False).eval()
    with torch.no_grad():
        if not bool(network(inputs[:1024]).isfinite().all()):
            raise TrainingError("training diverged: lower learning_rate.")
