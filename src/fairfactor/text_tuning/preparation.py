"""Boxes 1 to 4 for a text classifier: a head that knows the task, then factors of chosen layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.factorization import Factors
from fairfactor.features import evaluation_mode
from fairfactor.finetuning import FinetuneConfig, finetune
from fairfactor.hugging_face.head import head_inputs, head_modules, head_name
from fairfactor.importance import select_layers
from fairfactor.importance.layers import layer_shape
from fairfactor.rank import ParameterBudget
from fairfactor.surgery import ParameterCount, attach_adapter, count_parameters, freeze_except
from fairfactor.text_settings import WEIGHTINGS, Mode, TextTuningConfig
from fairfactor.text_tuning.rows import TextRows
from fairfactor.whole_model import LayerResult, factorize_layers, factorize_model

if TYPE_CHECKING:
    from peft import PeftModel

_PROBE = FinetuneConfig(learning_rates=(0.01, 0.001), epochs=20, batch_size=256)


@dataclass(frozen=True, eq=False)
class PreparedText:
    """A classifier after surgery, of which only factors and head train.

    Attributes:
        model: In replace mode the classifier itself, in adapter mode the same inside PEFT.
        adapted: The model inside PEFT, in adapter mode.
        layers: What became of each chosen layer, in replace mode.
        factors: Factors of each chosen layer, in adapter mode.
        parameters: How many train, and how many there are.
    """

    model: nn.Module
    adapted: PeftModel | None
    layers: dict[str, LayerResult]
    factors: dict[str, Factors]
    parameters: ParameterCount


def probe_head(model: nn.Module, rows: TextRows, validation: TextRows, *, seed: int) -> None:
    """Fit the last layer alone, on frozen features that are computed once, in place.

    The gradients of a head drawn at random say nothing about the task; and tuning from a fitted
    head distorts the features less (Kumar et al. 2022, arXiv:2202.10054).

    Args:
        model: The classifier.
        rows: Rows to fit on.
        validation: Rows that choose the learning rate and the epoch.
        seed: Seed of the order of the rows.
    """
    head = model.get_submodule(head_name(model))
    head.requires_grad_()
    finetune(head, _features(model, rows), _features(model, validation), config=_PROBE, seed=seed)


def prepare(
    model: nn.Module, rows: TextRows, config: TextTuningConfig, group_names: Sequence[str]
) -> PreparedText:
    """Measure the chosen layers by group, factorise them, and freeze all else but the head.

    Args:
        model: A classifier that knows the task, in evaluation mode; changed in place.
        rows: The training rows, of which a sample is measured.
        config: Layers, mode, weighting and share.
        group_names: Name of each group code.

    Returns:
        What trains.

    Raises:
        ArgumentError: If nothing but the head is chosen in adapter mode.
    """
    head = head_name(model)
    names = list(select_layers(model, [head if n == "head" else n for n in config.layers]))
    heads = head_modules(model)
    measured = rows.at(_sample(rows, config))
    weighting = WEIGHTINGS[config.weighting]()
    if config.mode == "replace":
        results = factorize_model(
            model,
            measured,
            weighting=weighting,
            rank=budget(model, names, config.factor_share, mode=config.mode),
            layers=names,
            group_names=group_names,
            seed=config.seed,
        )
        model.requires_grad_()
        count = freeze_except(model, {*names, *heads})
        return PreparedText(model, None, results, {}, count)
    inner = [name for name in names if name.split(".")[0] not in heads]
    if not inner:
        raise ArgumentError(
            "layers",
            config.layers,
            "layers besides the head for mode='adapter': the head trains whole and is in the "
            "adapter's file anyway",
            "Use mode='replace' for the head alone.",
        )
    factors = factorize_layers(
        model,
        measured,
        weighting=weighting,
        rank=budget(model, inner, config.factor_share, mode=config.mode),
        layers=inner,
        group_names=group_names,
        seed=config.seed,
    )
    adapted = attach_adapter(model, factors, whole=heads)
    return PreparedText(adapted, adapted, {}, factors, count_parameters(adapted))


def budget(
    model: nn.Module, layers: str | Sequence[str], share: float, *, mode: Mode
) -> ParameterBudget:
    """The share of the weights of some layers, and at least what rank 1 everywhere costs.

    Args:
        model: The model.
        layers: As in `fairfactor.importance.select_layers`.
        share: Share of their weights.
        mode: Whether the factors take the place of the weights, or come on top of them.

    Returns:
        The budget.
    """
    shapes = [layer_shape(layer) for layer in select_layers(model, layers).values()]
    whole = [math.prod(shape) for shape in shapes]
    least = [sum(shape) for shape in shapes]
    if mode == "replace":  # what would not get smaller stays whole
        least = [min(pair) for pair in zip(whole, least, strict=True)]
    return ParameterBudget(max(round(share * sum(whole)), sum(least)))


def _features(model: nn.Module, rows: TextRows) -> tuple[Tensor, Tensor]:
    """What the last layer is given, and the labels, in the order of the batches."""
    device = next(model.parameters()).device
    features, labels = [], []
    with evaluation_mode(model):
        for inputs, targets, _ in rows:
            moved = {name: tensor.to(device) for name, tensor in inputs.items()}
            features.append(head_inputs(model, moved))
            labels.append(targets.to(device))
    return torch.cat(features), torch.cat(labels)


def _sample(rows: TextRows, config: TextTuningConfig) -> list[int]:
    """Training rows on which the layers are measured, drawn at random."""
    generator = torch.Generator().manual_seed(config.seed)
    order = torch.randperm(len(rows), generator=generator)
    return sorted(order[: config.measured_rows].tolist())
