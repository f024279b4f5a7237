"""Measuring a model before and after the replacement of layers, on a probe set."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fairfactor.diagnosis.overlap import group_overlaps
from fairfactor.diagnosis.result import Diagnosis, LayerDiagnosis, Stage
from fairfactor.errors import ArgumentError, DataError
from fairfactor.fairness import METRICS, confusion_counts
from fairfactor.features import evaluation_mode
from fairfactor.groups import Groups
from fairfactor.importance import GroupFisher, group_fisher
from fairfactor.importance.batches import Batch, Forward, read_batches, run_model
from fairfactor.importance.losses import LossName, PerSampleLoss
from fairfactor.neutralization import neutralize
from fairfactor.surgery import (
    LowRankLayer,
    LowRankLinear,
    ReplacementReport,
    count_parameters,
)
from fairfactor.surgery.layer_shape import LayerShape


@dataclass(frozen=True, eq=False)
class LayerPair:
    """A layer at the stages of a model.

    Attributes:
        original: The ordinary layer.
        replaced: The low-rank layer in its place before training; None if it is whole, or not
            known from before training.
        trained: The low-rank layer after training; None without training.
    """

    original: nn.Module
    replaced: LowRankLayer | None = None
    trained: LowRankLayer | None = None


def diagnose(
    original: nn.Module,
    replaced: nn.Module,
    probe: Iterable[Any],
    *,
    trained: nn.Module | None = None,
    fishers: Mapping[str, GroupFisher] | None = None,
    group_names: Sequence[str] | None = None,
    loss: LossName | PerSampleLoss = "cross_entropy",
    forward: Forward | None = None,
) -> Diagnosis:
    """Compare a classifier before and after the replacement of layers on a probe set.

    All models run in evaluation mode. With one output, class 1 is predicted where it is positive.

    Args:
        original: The model before `replace_layer` or `factorize_model`.
        replaced: A copy of it after that.
        probe: Batches ``(inputs, targets, groups)``, class codes as targets, read once and kept:
            rows on which nothing was trained or chosen.
        trained: A copy of ``replaced`` after training.
        fishers: Group Fisher of the low-rank layers, as `group_fisher` returns it; measured on the
            probe set if None. Other layers in it are compared by their groups, too.
        group_names: Names of the groups in the order of their codes. By default those of
            ``fishers``, or the codes.
        loss: Loss of the Fisher information that is measured here, see `group_fisher`.
        forward: From (model, inputs) to logits, where ``model(inputs)`` is not it.

    Returns:
        The diagnosis; ``print`` it.

    Raises:
        ArgumentError: If no layer was replaced, one has no group Fisher, or the original does not
            have it.
    """
    low_rank = _low_rank_layers(replaced)
    if not low_rank:
        accepted = "a model with a low-rank layer in it"
        remedy = "Call factorize_model or replace_layer on a copy of the original first."
        raise ArgumentError("replaced", type(replaced).__name__, accepted, remedy)
    for name, layer in low_rank.items():
        _require_original(original, name, layer)
    if isinstance(probe, Mapping):
        accepted = "batches (inputs, targets, groups)"
        raise ArgumentError("probe", type(probe).__name__, accepted, "Group Fisher is fishers=.")
    batches = list(probe)
    if fishers is None:
        fishers = group_fisher(
            original,
            batches,
            layers=list(low_rank),
            loss=loss,
            group_names=group_names,
            forward=forward,
        )
    for name in low_rank:
        if name not in fishers:
            accepted = f"the group Fisher of every low-rank layer, and there is none of {name!r}"
            remedy = "Leave fishers out, or measure the original model with group_fisher."
            raise ArgumentError("fishers", list(fishers), accepted, remedy)
    pairs = {name: LayerPair(original.get_submodule(name), low_rank.get(name)) for name in fishers}
    if trained is not None:
        later = _low_rank_layers(trained)
        pairs = {n: dataclasses.replace(p, trained=later.get(n)) for n, p in pairs.items()}
    return diagnose_models(
        original,
        replaced,
        trained,
        batches,
        {name: diagnose_layer(pair, fishers[name]) for name, pair in pairs.items()},
        group_names=group_names or next(iter(fishers.values())).groups,
        forward=forward,
    )


def diagnose_models(
    original: nn.Module,
    replaced: nn.Module | None,
    trained: nn.Module | None,
    probe: Iterable[Any],
    layers: dict[str, LayerDiagnosis],
    *,
    group_names: Sequence[str],
    forward: Forward | None = None,
) -> Diagnosis:
    """Compare the stages of a model, whose architecture may differ, on a probe set.

    Args:
        original: The model at first.
        replaced: The model after the replacement of layers; None if it was not kept.
        trained: The model after training; None without training.
        probe: Batches ``(inputs, targets, groups)``, as in `diagnose`.
        layers: What is known of single layers, see `diagnose_layer`.
        group_names: Names of the groups in the order of their codes.
        forward: From (model, inputs) to logits, where ``model(inputs)`` is not it.

    Returns:
        The diagnosis.

    Raises:
        DataError: If the probe set has no row with a group.
    """
    batches = list(read_batches(probe, original, tuple(group_names)))
    if not batches:
        raise DataError("probe has no row with a group. Give batches (inputs, targets, groups).")
    earliest = _predict(original, batches, forward)

    def stage(model: nn.Module) -> Stage:
        found = earliest if model is original else _predict(model, batches, forward)
        return Stage(
            metrics=_metrics(found, batches, tuple(group_names)),
            changed_predictions=float((earliest.classes != found.classes).double().mean()),
            parameters=count_parameters(model).total,
            flops=found.flops_per_row,
        )

    return Diagnosis(
        groups=_group_sizes(batches, tuple(group_names)),
        before=stage(original),
        after=None if replaced is None else stage(replaced),
        trained=None if trained is None else stage(trained),
        layers=layers,
    )


def diagnose_layer(pair: LayerPair, fisher: GroupFisher) -> LayerDiagnosis:
    """Say what replacing one layer changed in it, without a probe set.

    Args:
        pair: The layer at its stages.
        fisher: Its group Fisher.

    Returns:
        The diagnosis of the layer.
    """
    start, end = (
        None if layer is None else ReplacementReport.of(pair.original, layer)
        for layer in (pair.replaced, pair.trained)
    )
    if start is None and end is not None:
        start = dataclasses.replace(end, relative_change=math.nan)
    weights = neutralize(fisher.row_importance)
    positive = weights[weights > 0]
    return LayerDiagnosis(
        replacement=start,
        trained_change=None if end is None else end.relative_change,
        inputs=len(weights),
        condition=float(positive.max() / positive.min()) if len(positive) else math.inf,
        zero_rows=int((weights == 0).sum()),
        overlaps=group_overlaps(fisher),
    )


def _group_sizes(batches: Sequence[Batch], names: tuple[str, ...]) -> dict[str, int]:
    codes = torch.cat([batch.groups[batch.groups >= 0] for batch in batches])
    sizes = torch.bincount(codes.cpu(), minlength=len(names)).tolist()
    return dict(zip(names, sizes, strict=True))


class _Predictions(NamedTuple):
    """Predicted class of each row with a group, number of classes, and operations per row."""

    classes: Tensor
    n_classes: int
    flops_per_row: float


def _low_rank_layers(model: nn.Module) -> dict[str, LowRankLayer]:
    """Return the low-rank layers by their names."""
    return {n: m for n, m in model.named_modules() if isinstance(m, LowRankLayer)}


def _require_original(original: nn.Module, name: str, layer: LowRankLayer) -> None:
    """Check that a model has the ordinary layer that a low-rank layer has replaced.

    Raises:
        ArgumentError: If it has none of that name, or one of another kind or shape.
    """
    found = dict(original.named_modules()).get(name)
    shape = (layer.out_features, layer.in_features) if isinstance(layer, LowRankLinear) else None
    accepted = (
        f"the model before the replacement, with an ordinary layer {name!r} of the same shape"
    )
    remedy = "Keep copy.deepcopy(model) before factorize_model, which works in place."
    if found is None or isinstance(found, LowRankLayer):
        raise ArgumentError("original", type(found or original).__name__, accepted, remedy)
    matrix = LayerShape.of(found, name).matrix
    if shape not in {None, matrix}:
        raise ArgumentError("original", f"{name!r} of shape {matrix}", accepted, remedy)


def _predict(model: nn.Module, batches: Sequence[Batch], forward: Forward | None) -> _Predictions:
    """Predict the classes of all rows with a group, and count operations."""
    classes, n_classes = [], 2
    with evaluation_mode(model), _called_layers(), FlopCounterMode(display=False) as flops:
        for batch in batches:
            logits = _class_logits(run_model(model, batch, forward))
            n_classes = logits.shape[1]
            classes.append(logits.argmax(dim=1)[batch.groups >= 0].cpu())
    rows = sum(len(batch) for batch in batches)
    return _Predictions(torch.cat(classes), n_classes, flops.get_total_flops() / rows)


@contextmanager
def _called_layers() -> Iterator[None]:
    """Keep PyTorch's transformer layers off their fast path, whose operations are not counted.

    Yields:
        Nothing.
    """
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _class_logits(outputs: Tensor) -> Tensor:
    """Return logits with a column for each class; of one output z, those of classes 0 and 1.

    Raises:
        ArgumentError: If the outputs have another shape.
    """
    if outputs.dim() == 1 or (outputs.dim() == 2 and outputs.shape[1] == 1):
        return torch.stack([torch.zeros_like(outputs.flatten()), outputs.flatten()], dim=1)
    if outputs.dim() != 2:
        accepted = "logits of shape (samples, classes)"
        raise ArgumentError("forward", tuple(outputs.shape), accepted, "Select them in forward=.")
    return outputs


def _metrics(
    run: _Predictions, batches: Sequence[Batch], group_names: tuple[str, ...]
) -> dict[str, float]:
    """Count predictions by group and class, and compute every metric."""
    targets = torch.cat([torch.as_tensor(b.targets).flatten()[b.groups >= 0] for b in batches])
    codes = torch.cat([batch.groups[batch.groups >= 0] for batch in batches])
    counts = confusion_counts(
        targets.cpu().numpy(),
        run.classes.numpy(),
        Groups(codes.cpu().numpy(), group_names),
        n_classes=run.n_classes,
    )
    return {name: float(metric(counts)) for name, metric in METRICS.items()}
