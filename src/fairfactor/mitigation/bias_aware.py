"""Factors that do not respond to group differences, with the directions they read locked."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.features import layer_inputs
from fairfactor.finetuning import FinetuneConfig, finetune
from fairfactor.mitigation.cell_model import ClassNetwork
from fairfactor.mitigation.layer_factors import Directions, FactorConfig, Metric, layer_factors
from fairfactor.mitigation.recipe import FittedCells, TuningProblem
from fairfactor.surgery import count_parameters, lock, replace_layer

STRENGTHS = (1.0, 10.0, 100.0, math.inf)
NOTIONS: tuple[Directions, ...] = ("equalized_odds", "demographic_parity")
_FINETUNE = FinetuneConfig(learning_rates=(0.01,), epochs=5)


@dataclass(frozen=True)
class BiasAwareConfig:
    """Which layers are replaced, and what of them trains.

    Attributes:
        layers: The "last" hidden layer, or "all" hidden layers.
        training: "none" leaves the factors as they are; "locked" trains everything from the first
            of them on but what they read; "free" trains that too.
        rank: r, in each layer at most the largest that saves parameters.
        metric: M of the factorisation.
    """

    layers: Literal["last", "all"] = "last"
    training: Literal["none", "locked", "free"] = "locked"
    rank: int = 4
    metric: Metric = "full_neutralized"


def fit_bias_aware(
    problem: TuningProblem, seed: int, *, config: BiasAwareConfig | None = None
) -> Iterator[FittedCells]:
    """Replace hidden layers by bias-aware factors, lock what they read, tune the rest.

    Training both factors brings the gaps back, since the factors are then only a starting point.
    With ``down`` locked, everything later is a function of directions that group means agree on.

    Args:
        problem: The pre-trained network and the rows.
        seed: Seed of the order of the rows.
        config: Which layers, and what trains.

    Yields:
        One network for each notion and strength.

    Raises:
        ArgumentError: If the backbone is not a sequence with two linear layers or more.
    """
    config = config or BiasAwareConfig()
    backbone = problem.backbone
    names = [n for n, layer in backbone.named_children() if isinstance(layer, nn.Linear)]
    if not isinstance(backbone, nn.Sequential) or len(names) < 2:
        accepted = "an nn.Sequential with two nn.Linear layers or more"
        raise ArgumentError("backbone", type(backbone).__name__, accepted)
    replaced = names[-2:-1] if config.layers == "last" else names[:-1]
    rows = problem.train
    seen = {
        part: layer_inputs(backbone, replaced[0], getattr(problem, part).inputs)
        for part in ("train", "validation")
    }
    for notion in NOTIONS:
        for strength in STRENGTHS:
            factors = layer_factors(
                backbone,
                replaced,
                rows.inputs,
                rows.labels,
                rows.groups,
                FactorConfig(config.rank, config.metric, notion, strength),
            )
            network = copy.deepcopy(backbone).requires_grad_(requires_grad=False)
            for name in replaced:
                layer = replace_layer(network, name, factors[name])
                if config.training == "locked":
                    lock(layer)
            tail = network[list(dict(network.named_children())).index(replaced[0]) :]
            if config.training != "none":
                for name, parameter in tail.named_parameters():
                    locked = config.training == "locked" and name.endswith("down.weight")
                    parameter.requires_grad_(not locked)
                finetune(
                    tail,
                    (seen["train"], rows.labels),
                    (seen["validation"], problem.validation.labels),
                    config=_FINETUNE,
                    seed=seed,
                )
            trained = count_parameters(tail).trained if config.training != "none" else 0
            model = ClassNetwork(network.eval(), len(problem.class_names))
            yield FittedCells(model, {"directions": notion, "strength": str(strength)}, trained)
