"""Low-rank factors of all hidden layers, tuned with a fairness objective in the loss."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from fairfactor.mitigation.cell_training import (
    BatchLoss,
    CellTrainingConfig,
    initial_factor_network,
    train_factors,
)
from fairfactor.mitigation.group_weights import Partition, RunningGroupWeights, parts_of
from fairfactor.mitigation.low_rank_cells import FactorNetwork
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.recipe import TuningProblem
from fairfactor.mitigation.running_gap_penalty import RunningGapPenalty


@dataclass(frozen=True)
class PathConfig:
    """How a path of objectives is trained: once from the backbone, then a little for each.

    Attributes:
        start: How the first network is trained, with plain cross-entropy.
        epochs: Passes over the training rows for each objective.
        learning_rate: Highest learning rate for each objective.
    """

    start: CellTrainingConfig = field(default_factory=lambda: CellTrainingConfig(epochs=20))
    epochs: int = 5
    learning_rate: float = 3e-3


def class_factors(
    problem: TuningProblem, *, seed: int, config: PathConfig | None = None
) -> FactorNetwork:
    """Low-rank factors of all hidden layers, trained on the classes alone: where paths start.

    Args:
        problem: The pre-trained network and the training rows.
        seed: Seed of the order of the rows and of dropout.
        config: How.

    Returns:
        The network, frozen and in evaluation mode.
    """
    rows, start = problem.train, (config or PathConfig()).start

    def loss(log_cells: Tensor, batch: Tensor) -> Tensor:
        return functional.nll_loss(log_cells.flatten(1), rows.labels[batch])

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = initial_factor_network(problem, rows.inputs, start, n_groups=1)
        train_factors(network, rows.inputs, loss, start)
    return network


def penalised_factors(
    problem: TuningProblem,
    start: FactorNetwork,
    notion: str,
    strengths: Iterable[float],
    *,
    seed: int,
    config: PathConfig | None = None,
) -> Iterator[FactorNetwork]:
    """Cross-entropy + strength · `RunningGapPenalty`, each network trained on from the last.

    Args:
        problem: The training rows.
        start: What `class_factors` made.
        notion: The gap, a name that `rate_family` knows.
        strengths: From weak to strong.
        seed: Seed of the order of the rows and of dropout.
        config: How.

    Returns:
        A frozen network of classes alone for each strength.
    """
    rows, n_classes = problem.train, len(problem.class_names)
    family = rate_family(notion, n_classes)

    def objective(strength: float) -> BatchLoss:
        penalty = RunningGapPenalty(family, len(problem.group_names))

        def loss(log_cells: Tensor, batch: Tensor) -> Tensor:
            log_classes = log_cells.flatten(1)
            labels, groups = rows.labels[batch], rows.groups[batch]
            gap = penalty(log_classes.exp(), labels, groups)
            return functional.nll_loss(log_classes, labels) + strength * gap

        return loss

    return _path(problem, start, map(objective, strengths), seed, config or PathConfig())


def group_weighted_factors(
    problem: TuningProblem,
    start: FactorNetwork,
    over: Partition,
    steps: Iterable[float],
    *,
    seed: int,
    config: PathConfig | None = None,
) -> Iterator[FactorNetwork]:
    """Cross-entropy weighed by `RunningGroupWeights`, each network trained on from the last.

    Args:
        problem: The training rows.
        start: What `class_factors` made.
        over: What is weighed.
        steps: Steps of the weights; 0 weighs all parts alike.
        seed: Seed of the order of the rows and of dropout.
        config: How.

    Returns:
        A frozen network of classes alone for each step.
    """
    rows, sizes = problem.train, (len(problem.class_names), len(problem.group_names))
    codes, parts = parts_of(rows.labels, rows.groups, *sizes, over)

    def loss(weigh: RunningGroupWeights, log_cells: Tensor, batch: Tensor) -> Tensor:
        losses = functional.nll_loss(log_cells.flatten(1), rows.labels[batch], reduction="none")
        return weigh(losses, codes[batch])

    objectives = (partial(loss, RunningGroupWeights(parts, step)) for step in steps)
    return _path(problem, start, objectives, seed, config or PathConfig())


def _path(
    problem: TuningProblem,
    network: FactorNetwork,
    objectives: Iterable[BatchLoss],
    seed: int,
    config: PathConfig,
) -> Iterator[FactorNetwork]:
    later = replace(config.start, epochs=config.epochs, learning_rate=config.learning_rate)
    for place, objective in enumerate(objectives, 1):
        network = copy.deepcopy(network)
        # A seed for each network, so that what is done between two of them changes neither.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + place)
            train_factors(network, problem.train.inputs, objective, later)
        yield network
