"""The five boxes in order: Fisher, neutralise, factorise, replace, fine-tune.

`prepare` does what all methods share (box 1 and the cached features); `fit` does the rest for one
method and rank, on a copy of the model.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.features import evaluation_mode, layer_inputs
from fairfactor.finetuning import FinetuneConfig, FinetuneHistory, finetune
from fairfactor.importance import GroupFisher, group_fisher, select_layers
from fairfactor.methods import METHODS
from fairfactor.surgery import (
    LowRankLayer,
    ParameterCount,
    ReplacementReport,
    count_parameters,
    replace_layer,
    weight_matrix,
)
from fairfactor.surgery.factor_pair import FactorPair
from fairfactor.weighting import Measurement


@dataclass(frozen=True)
class Rows:
    """Inputs (rows × …), class labels (rows) and group codes (rows), all of the same length."""

    inputs: Tensor
    targets: Tensor
    groups: Tensor

    def at(self, places: Tensor) -> Rows:
        """The rows at some places.

        Args:
            places: Row numbers, int64.

        Returns:
            Those rows, in that order.
        """
        return Rows(self.inputs[places], self.targets[places], self.groups[places])

    def batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The rows in order.

        Args:
            batch_size: Rows in each batch.

        Returns:
            An iterator over (inputs, targets, groups).
        """
        return zip(
            self.inputs.split(batch_size),
            self.targets.split(batch_size),
            self.groups.split(batch_size),
            strict=True,
        )


@dataclass
class Stopwatch:
    """Seconds spent in each part of the work."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time of the enclosed block to a part.

        Args:
            name: Name of the part.

        Yields:
            Nothing.
        """
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start


@dataclass(frozen=True)
class Prepared:
    """A pre-trained model with all that the methods share for one of its layers.

    Attributes:
        model: The pre-trained model; never changed.
        layer: Name of the layer to work on.
        fisher: Group Fisher of that layer on the training rows.
        train: The training rows with the layer's inputs h in place of the model's inputs.
        validation: The same for the validation rows.
        stopwatch: Seconds of each box, over all methods so far.
    """

    model: nn.Module
    layer: str
    fisher: GroupFisher
    train: Rows
    validation: Rows
    stopwatch: Stopwatch


@dataclass(frozen=True)
class Fitted:
    """A model after all five boxes.

    Attributes:
        model: A copy of the pre-trained model with the layer replaced and tuned.
        layer: Name of that layer.
        history: What happened in fine-tuning; ``None`` for an untrained method.
        replacement: What the surgery changed; ``None`` if the layer was kept whole.
        replaced: The low-rank layer as it was before fine-tuning; ``None`` if kept whole.
        parameters: How many parameters were tuned, and how many there are.
    """

    model: nn.Module
    layer: str
    history: FinetuneHistory | None
    replacement: ReplacementReport | None
    replaced: LowRankLayer | None
    parameters: ParameterCount


def prepare(
    model: nn.Module,
    train: Rows,
    validation: Rows,
    *,
    group_names: tuple[str, ...],
    layer: str = "head",
    stopwatch: Stopwatch | None = None,
) -> Prepared:
    """Box 1 and the feature cache: all that does not depend on the method.

    Args:
        model: A pre-trained model that maps inputs to logits, last layer ``layer``.
        train: Training rows of the new task.
        validation: Validation rows of the new task.
        group_names: Name of each group code.
        layer: Name of the last linear layer, which ``head`` finds in most models; it is refused if
            something follows it.
        stopwatch: Where to add the seconds spent.

    Returns:
        The prepared layer.
    """
    stopwatch = stopwatch or Stopwatch()
    layer = _last_layer(model, layer, train.inputs[:64])
    with stopwatch.part("fisher"), evaluation_mode(model):
        fisher = group_fisher(model, train.batches(4096), layers=[layer], group_names=group_names)[
            layer
        ]
    with stopwatch.part("features"):
        cached = [
            Rows(layer_inputs(model, layer, rows.inputs), rows.targets, rows.groups)
            for rows in (train, validation)
        ]
    return Prepared(model, layer, fisher, cached[0], cached[1], stopwatch)


def fit(
    prepared: Prepared,
    method: str,
    rank: int | None = None,
    *,
    alpha: float | None = None,
    config: FinetuneConfig | None = None,
    seed: int = 0,
    on_epoch: Callable[[], None] | None = None,
) -> Fitted:
    """Boxes 2 to 5 for one method: neutralise and factorise, replace, fine-tune the rest frozen.

    Args:
        prepared: What `prepare` returned.
        method: A name in `fairfactor.methods.METHODS`.
        rank: Rank of the factors; needed exactly by the methods that factorise.
        alpha: Weight of the first of two groups in the neutralised importance.
        config: How to fine-tune.
        seed: Seed of the order of the rows in fine-tuning.
        on_epoch: Called after each epoch of fine-tuning.

    Returns:
        The tuned copy and what happened to it.

    Raises:
        ArgumentError: If the method is unknown, or a factorising one has no rank.
    """
    if method not in METHODS:
        raise ArgumentError("method", method, f"one of {', '.join(METHODS)}")
    chosen = METHODS[method]
    factors = None
    if chosen.weighting is not None:
        if rank is None:
            raise ArgumentError("rank", rank, f"an integer for the method {method}")
        weight = weight_matrix(prepared.model.get_submodule(prepared.layer))
        with prepared.stopwatch.part("factorize"):
            metrics = chosen.weighting(alpha).metrics(Measurement(prepared.fisher))
            factors = metrics.factorize(weight, rank)
    return fit_factors(
        prepared, factors, trained=chosen.trained, config=config, seed=seed, on_epoch=on_epoch
    )


def fit_factors(
    prepared: Prepared,
    factors: FactorPair | None,
    *,
    trained: bool = True,
    config: FinetuneConfig | None = None,
    seed: int = 0,
    on_epoch: Callable[[], None] | None = None,
) -> Fitted:
    """Boxes 4 and 5 for factors from anywhere: replace the layer, fine-tune it, the rest frozen.

    Args:
        prepared: What `prepare` returned.
        factors: Factors of the layer's weight; ``None`` keeps the layer whole.
        trained: Whether the layer is fine-tuned.
        config: How.
        seed: Seed of the order of the rows in fine-tuning.
        on_epoch: Called after each epoch of fine-tuning.

    Returns:
        The tuned copy and what happened to it.
    """
    model = copy.deepcopy(prepared.model).eval()
    replacement = replaced = None
    if factors is not None:
        with prepared.stopwatch.part("factorize"):
            original = model.get_submodule(prepared.layer)
            low_rank = replace_layer(model, prepared.layer, factors)
            replacement = ReplacementReport.of(original, low_rank)
        replaced = copy.deepcopy(low_rank)
    model.requires_grad_(requires_grad=False)
    head = model.get_submodule(prepared.layer)
    history = None
    if trained:
        head.requires_grad_()
        with prepared.stopwatch.part("finetune"):
            history = finetune(
                head,
                (prepared.train.inputs, prepared.train.targets),
                (prepared.validation.inputs, prepared.validation.targets),
                config=config,
                seed=seed,
                on_epoch=on_epoch,
            )
    return Fitted(
        model=model,
        layer=prepared.layer,
        history=history,
        replacement=replacement,
        replaced=replaced,
        parameters=count_parameters(model),
    )


def predict_probabilities(model: nn.Module, inputs: Tensor, *, batch_size: int = 4096) -> Tensor:
    """Class probabilities softmax(f(x)) in evaluation mode, without gradients.

    Args:
        model: A model that maps inputs to logits.
        inputs: Model inputs, rows first.
        batch_size: Rows in each forward pass; the same rows and size give the same bits.

    Returns:
        Probabilities (rows × classes), in float32 at least.
    """
    with evaluation_mode(model):
        logits = torch.cat([model(batch) for batch in inputs.split(batch_size)])
        return logits.to(torch.promote_types(logits.dtype, torch.float32)).softmax(dim=-1)


def _last_layer(model: nn.Module, layer: str, inputs: Tensor) -> str:
    """Find the layer by name, and check on some rows that its output is that of the model.

    Returns:
        Its qualified name.

    Raises:
        ArgumentError: If the name finds several layers, or something follows the layer: then its
            inputs alone do not say what the model does.
    """
    names = list(select_layers(model, layer))
    if len(names) > 1:
        raise ArgumentError("layer", layer, "the name of one layer", f"Name one of {names[:8]}.")
    cached = layer_inputs(model, names[0], inputs)
    with evaluation_mode(model):
        expected, found = model(inputs), model.get_submodule(names[0])(cached)
    if expected.shape != found.shape or not torch.allclose(expected, found, equal_nan=True):
        raise ArgumentError(
            "layer", layer, "the last layer, whose output is that of the model", "Name that one."
        )
    return names[0]
