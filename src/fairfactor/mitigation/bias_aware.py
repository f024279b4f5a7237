"""Factors that do not respond to group differences, with the directions they read locked."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.features import layer_inputs
from fairfactor.finetuning import FinetuneConfig, finetune
from fairfactor.mitigation.cell_model import ClassNetwork
from fairfactor.mitigation.layer_factors import Directions, FactorConfig, layer_factors
from fairfactor.mitigation.recipe import FittedCells, TuningProblem
from fairfactor.surgery import count_parameters, lock, replace_layer

STRENGTHS = (1.0, 10.0, 100.0, math.inf)
RANK = 4
_FINETUNE = FinetuneConfig(learning_rates=(0.01,), epochs=5)


def fit_bias_aware(problem: TuningProblem, seed: int) -> Iterator[FittedCells]:
    """Replace the last hidden layer by bias-aware factors, lock what they read, tune the rest.

    Training both factors brings the gaps back, since the factors are then only a starting point.
    With ``down`` locked, everything later is a function of directions that group means agree on.

    Args:
        problem: The pre-trained network and the rows.
        seed: Seed of the order of the rows.

    Yields:
        One network for each notion and strength.

    Raises:
        ArgumentError: If the backbone is not a sequence with two linear layers or more.
    """
    backbone = problem.backbone
    names = [n for n, layer in backbone.named_children() if isinstance(layer, nn.Linear)]
    if not isinstance(backbone, nn.Sequential) or len(names) < 2:
        accepted = "an nn.Sequential with two nn.Linear layers or more"
        raise ArgumentError("backbone", type(backbone).__name__, accepted)
    layer = names[-2]
    rows = problem.train
    seen = {
        part: layer_inputs(backbone, layer, getattr(problem, part).inputs)
        for part in ("train", "validation")
    }
    notions: tuple[Directions, ...] = ("equalized_odds", "demographic_parity")
    for notion in notions:
        for strength in STRENGTHS:
            config = FactorConfig(RANK, "full_neutralized", notion, strength)
            factors = layer_factors(
                backbone, [layer], rows.inputs, rows.labels, rows.groups, config
            )
            network = copy.deepcopy(backbone).requires_grad_(requires_grad=False)
            lock(replace_layer(network, layer, factors[layer]))
            tail = network[list(dict(network.named_children())).index(layer) :]
            for name, parameter in tail.named_parameters():
                parameter.requires_grad_(not name.endswith("down.weight"))
            finetune(
                tail,
                (seen["train"], rows.labels),
                (seen["validation"], problem.validation.labels),
                config=_FINETUNE,
                seed=seed,
            )
            trained = count_parameters(tail).trained
            model = ClassNetwork(network.eval(), len(problem.class_names))
            yield FittedCells(model, {"directions": notion, "strength": str(strength)}, trained)
