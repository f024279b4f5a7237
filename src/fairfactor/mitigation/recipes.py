"""The recipes by name."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.errors import ArgumentError
from fairfactor.features import layer_inputs
from fairfactor.importance import select_layers
from fairfactor.mitigation.bias_aware import fit_bias_aware
from fairfactor.mitigation.cell_model import (
    ClassNetwork,
    ClassShares,
    ComposedCells,
    FrozenCells,
    features_and_logits,
)
from fairfactor.mitigation.cell_training import tuned_factor_network
from fairfactor.mitigation.class_head import head_path
from fairfactor.mitigation.erased_cells import fit_erased_features
from fairfactor.mitigation.factor_objectives import (
    class_factors,
    group_weighted_factors,
    penalised_factors,
)
from fairfactor.mitigation.gap_penalty import GapPenalty, penalty_path
from fairfactor.mitigation.group_weights import (
    Partition,
    part_losses,
    parts_of,
    soft_worst,
)
from fairfactor.mitigation.head_cells import fit_head, frozen_backbone
from fairfactor.mitigation.low_rank_cells import FactorNetwork, LowRankCells
from fairfactor.mitigation.one_head import fit_one_head
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.recipe import FittedCells, Recipe, TuningProblem
from fairfactor.surgery import count_parameters

_BLENDS = (0.0, 0.25, 0.5, 0.75)
_NOTIONS = ("equalized_odds", "demographic_parity")
_STRENGTHS = (0.0, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
_FACTOR_STRENGTHS = (0.5, 2.0, 8.0, 32.0, 128.0)
_PARTITIONS: tuple[Partition, ...] = ("groups", "cells")
_SHARPNESS = (0.0, 3.0, 10.0, 30.0, 100.0)
_STEPS = (0.0, 0.01, 0.1)

CONSTANT = "constant"
"""The recipe that ignores the inputs, and is there to compare with."""


def late_layers(problem: TuningProblem) -> tuple[str, ...]:
    """The last two linear layers of the backbone."""
    return tuple(select_layers(problem.backbone, "all-linear"))[-2:]


def first_layer(problem: TuningProblem) -> tuple[str, ...]:
    """The first linear layer of the backbone."""
    return tuple(select_layers(problem.backbone, "all-linear"))[:1]


def fit_late_features(problem: TuningProblem, _seed: int) -> Iterator[FittedCells]:
    """p(s | y, x) from what the last two layers of the frozen backbone are given.

    What the network has thrown away cannot be used against a group, so this view on groups is
    vague, and the rules that it leads to change gradually: good for equalised odds.

    Args:
        problem: The pre-trained network and the rows.

    Yields:
        One model.
    """
    yield _frozen(problem, late_layers(problem))


def fit_input_features(problem: TuningProblem, _seed: int) -> Iterator[FittedCells]:
    """p(s | y, x) from the inputs: a precise view on groups, which demographic parity needs.

    Args:
        problem: The pre-trained network and the rows.

    Yields:
        One model.
    """
    yield _frozen(problem, first_layer(problem))


def fit_low_rank(problem: TuningProblem, seed: int) -> Iterator[FittedCells]:
    """Low-rank factors of all hidden layers, tuned to tell class and group together.

    Args:
        problem: The pre-trained network and the rows.
        seed: Seed of the training.

    Yields:
        The tuned network, then blends of its view on groups with that of the late features.
    """
    network = tuned_factor_network(problem, seed=seed)
    trained = count_parameters(network).total
    tuned = LowRankCells(network)
    yield FittedCells(tuned, {"groups_from": "factors"}, trained)
    late = _frozen(problem, late_layers(problem))
    for share in _BLENDS:
        yield FittedCells(
            ComposedCells(tuned, late.model, share),
            {**late.setting, "share_of_factors": share},
            trained + late.trained_parameters,
        )


def fit_gap_penalty(problem: TuningProblem, _seed: int) -> Iterator[FittedCells]:
    """A new last layer, fitted with a penalty on the gaps of soft rates.

    Args:
        problem: The pre-trained network and the rows.

    Yields:
        One network for each notion and strength.
    """
    layer = late_layers(problem)[-1]
    rows, n_classes = problem.train, len(problem.class_names)
    features = layer_inputs(problem.backbone, layer, rows.inputs)
    for notion in _NOTIONS:
        family = rate_family(notion, n_classes)
        penalty = GapPenalty(family, rows.labels, rows.groups, len(problem.group_names))
        path = penalty_path(features, rows.labels, penalty, n_classes, _STRENGTHS)
        settings = [{"penalty": notion, "strength": strength} for strength in _STRENGTHS]
        yield from _with_heads(problem, layer, settings, path)


def fit_group_weights(problem: TuningProblem, _seed: int) -> Iterator[FittedCells]:
    """A new last layer, fitted with every group alike, then with more and more for the worst.

    Args:
        problem: The pre-trained network and the rows.

    Yields:
        One network for each way to part the rows and each sharpness.
    """
    layer = late_layers(problem)[-1]
    rows, sizes = problem.train, (len(problem.class_names), len(problem.group_names))
    features = layer_inputs(problem.backbone, layer, rows.inputs)

    def loss(codes: Tensor, parts: int, sharpness: float, logits: Tensor) -> Tensor:
        losses = functional.cross_entropy(logits, rows.labels, reduction="none")
        return soft_worst(*part_losses(losses, codes, parts), sharpness)

    for over in _PARTITIONS:
        codes, parts = parts_of(rows.labels, rows.groups, *sizes, over)
        losses = (partial(loss, codes, parts, sharpness) for sharpness in _SHARPNESS)
        settings = [{"weighed": over, "sharpness": sharpness} for sharpness in _SHARPNESS]
        yield from _with_heads(problem, layer, settings, head_path(features, sizes[0], losses))


def fit_factor_penalty(
    problem: TuningProblem, seed: int, *, start: FactorNetwork | None = None
) -> Iterator[FittedCells]:
    """Low-rank factors of all hidden layers, trained with a penalty on the gaps of soft rates.

    Args:
        problem: The pre-trained network and the rows.
        seed: Seed of the training.
        start: What `class_factors` made; made here if unset.

    Yields:
        One network for each notion and strength.
    """
    start = start or class_factors(problem, seed=seed)
    for notion in _NOTIONS:
        path = penalised_factors(problem, start, notion, _FACTOR_STRENGTHS, seed=seed)
        settings = [{"penalty": notion, "strength": strength} for strength in _FACTOR_STRENGTHS]
        yield from _with_factors(settings, path)


def fit_factor_weights(
    problem: TuningProblem, seed: int, *, start: FactorNetwork | None = None
) -> Iterator[FittedCells]:
    """Low-rank factors of all hidden layers, trained with every group alike or more for the worst.

    Args:
        problem: The pre-trained network and the rows.
        seed: Seed of the training.
        start: What `class_factors` made; made here if unset.

    Yields:
        One network for each way to part the rows and each step of the weights.
    """
    start = start or class_factors(problem, seed=seed)
    for over in _PARTITIONS:
        path = group_weighted_factors(problem, start, over, _STEPS, seed=seed)
        yield from _with_factors([{"weighed": over, "step": step} for step in _STEPS], path)


def fit_constant(problem: TuningProblem, _seed: int) -> Iterator[FittedCells]:
    """The most frequent class of the training rows for everyone: no gap, and no use of the inputs.

    Args:
        problem: The pre-trained network and the rows.

    Yields:
        One model.
    """
    number = torch.bincount(problem.train.labels, minlength=len(problem.class_names))
    decision = problem.class_names[int(number.argmax())]
    yield FittedCells(ClassShares(number / number.sum()), {"decision": decision}, 0)


def _with_heads(
    problem: TuningProblem,
    layer: str,
    settings: Sequence[Mapping[str, Any]],
    heads: Iterable[nn.Linear],
) -> Iterator[FittedCells]:
    """The backbone with each new last layer."""
    for setting, head in zip(settings, heads, strict=True):
        network = copy.deepcopy(problem.backbone)
        network.set_submodule(layer, head)
        model = ClassNetwork(network, len(problem.class_names))
        yield FittedCells(model, setting, count_parameters(head).total)


def _with_factors(
    settings: Sequence[Mapping[str, Any]], networks: Iterable[FactorNetwork]
) -> Iterator[FittedCells]:
    """Each network of factors, all of which was trained."""
    for setting, network in zip(settings, networks, strict=True):
        yield FittedCells(LowRankCells(network), setting, count_parameters(network).total)


def _frozen(problem: TuningProblem, layers: tuple[str, ...]) -> FittedCells:
    backbone = frozen_backbone(problem)
    features, _ = features_and_logits(backbone, layers, problem.train.inputs)
    head = fit_head(problem, features)
    model = FrozenCells(backbone, layers, head)
    return FittedCells(model, {"groups_from": list(layers)}, count_parameters(head).total)


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("late-features", "Bayes rule, groups from late features", fit_late_features),
        Recipe(
            "one-head",
            "Bayes rule on one head for class and group",
            fit_one_head,
            needs_linear_network=True,
        ),
        Recipe(
            "input-features",
            "Bayes rule, groups from inputs",
            fit_input_features,
            needs_hidden_layer=True,
        ),
        Recipe(
            "low-rank",
            "Bayes rule on tuned low-rank factors",
            fit_low_rank,
            needs_hidden_layer=True,
        ),
        Recipe("erased-features", "Bayes rule, group means erased", fit_erased_features),
        Recipe("gap-penalty", "Last layer with a gap penalty", fit_gap_penalty),
        Recipe("group-weights", "Last layer with group weights", fit_group_weights),
        Recipe(
            "factor-penalty",
            "Low-rank factors with a gap penalty",
            fit_factor_penalty,
            needs_hidden_layer=True,
        ),
        Recipe(
            "factor-weights",
            "Low-rank factors with group weights",
            fit_factor_weights,
            needs_hidden_layer=True,
        ),
        Recipe("bias-aware", "Bias-aware factors, locked", fit_bias_aware),
        Recipe(CONSTANT, "The same decision for everyone", fit_constant),
    )
}
"""Every recipe by name."""


def applicable(names: Sequence[str], backbone: nn.Module) -> tuple[str, ...]:
    """Those recipes that have something to offer for a network.

    Args:
        names: Names in `RECIPES`.
        backbone: The network.

    Returns:
        Their names.

    Raises:
        ArgumentError: If there is none.
    """
    is_linear = len(select_layers(backbone, "all-linear")) == 1
    suited = [
        recipe.name
        for recipe in RECIPES.values()
        if not (recipe.needs_hidden_layer if is_linear else recipe.needs_linear_network)
    ]
    left = tuple(name for name in names if name in suited)
    if not left:
        which = "no hidden layer" if is_linear else "hidden layers"
        raise ArgumentError(
            "recipes",
            tuple(names),
            f"{', '.join(suited)}, as the network has {which}",
            "Name one of them, or give the network other layers with --hidden.",
        )
    return left


DEFAULT = ("late-features", "input-features", "low-rank", "one-head")
"""Recipes that no other one makes superfluous."""
