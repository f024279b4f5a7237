"""What replacing layers did, as data: the signs of a failed low-rank step, before any training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fairfactor.errors import ArgumentError, DataError
from fairfactor.fairness import METRICS, ConfusionCounts, confusion_counts
from fairfactor.features import evaluation_mode
from fairfactor.groups import Groups
from fairfactor.importance import GroupFisher
from fairfactor.importance.batches import Batch, Forward, read_batches, run_model
from fairfactor.neutralization import neutralize
from fairfactor.surgery import LowRankLayer, ReplacementReport, count_parameters

GAPS = ("demographic_parity_difference", "equalized_odds_difference_worst_case")


@dataclass(frozen=True)
class GroupOverlap:
    """How alike two groups' Fisher information is over the input features of a layer.

    If all groups need the same features, neutralising has nothing to trade.

    Attributes:
        groups: The two groups.
        correlation: Pearson correlation of their row importances; NaN if one is constant.
        shared_top: Fraction of the k most important features that both groups share, k a fifth of
            the features. Of features that are equally important, the first come first.
        scale_ratio: Mean importance of the first group over that of the second.
    """

    groups: tuple[str, str]
    correlation: float
    shared_top: float
    scale_ratio: float


@dataclass(frozen=True)
class LayerDiagnosis:
    """What replacing one layer changed in it, and what the weighting had to go by.

    Attributes:
        replacement: Rank, parameters and relative change of the weight.
        condition: Largest over smallest positive entry of the paper's Î_N with equal weights: how
            unevenly it weights the inputs, and what its inverse is exposed to.
        zero_rows: Input features without Fisher information for any group.
        overlaps: How alike the groups' Fisher information is, pair by pair.
    """

    replacement: ReplacementReport
    condition: float
    zero_rows: int
    overlaps: tuple[GroupOverlap, ...]


@dataclass(frozen=True)
class Diagnosis:
    """What replacing layers changed in a model on a probe set.

    Attributes:
        layers: What happened in each low-rank layer, by its name.
        before: Every metric of `fairfactor.fairness.METRICS` of the original model.
        after: The same of the model with low-rank layers.
        changed_predictions: Fraction of the probe rows for which another class is predicted.
        parameters_before: Parameters of the original model.
        parameters_after: Parameters of the model with low-rank layers.
        flops_before: Floating-point operations of a forward pass per probe row: those of matrix
            products, convolutions and attention.
        flops_after: The same with low-rank layers.
    """

    layers: dict[str, LayerDiagnosis]
    before: dict[str, float]
    after: dict[str, float]
    changed_predictions: float
    parameters_before: int
    parameters_after: int
    flops_before: float
    flops_after: float

    @property
    def gap_changes(self) -> dict[str, float]:
        """After minus before, for the demographic parity and equalised odds differences."""
        return {name: self.after[name] - self.before[name] for name in GAPS}


def diagnose(
    original: nn.Module,
    replaced: nn.Module,
    fishers: Mapping[str, GroupFisher],
    probe: Iterable[Any],
    *,
    forward: Forward | None = None,
) -> Diagnosis:
    """Compare a classifier before and after the replacement of layers on a probe set.

    Both models run in evaluation mode. With one output, class 1 is predicted where it is positive.

    Args:
        original: The model before `replace_layer` or `factorize_model`.
        replaced: A copy of it after that, trained or not.
        fishers: Group Fisher of the layers, as `group_fisher` returns it. Layers that are not
            low-rank are left out.
        probe: Batches ``(inputs, targets, groups)``, class codes as targets; read once, and kept.
        forward: From (model, inputs) to logits, where ``model(inputs)`` is not it.

    Returns:
        The diagnosis.

    Raises:
        DataError: If the probe set has no row with a group.
    """
    low_rank = _low_rank_layers(replaced, fishers)
    group_names = next(iter(fishers.values())).groups
    batches = list(read_batches(probe, original, group_names))
    if not batches:
        raise DataError("probe has no row with a group. Give batches (inputs, targets, groups).")
    earlier, later = (_predict(model, batches, forward) for model in (original, replaced))
    before, after = (
        {name: float(metric(counts)) for name, metric in METRICS.items()}
        for counts in (_count(run, batches, group_names) for run in (earlier, later))
    )
    return Diagnosis(
        layers={
            name: diagnose_layer(original.get_submodule(name), layer, fishers[name])
            for name, layer in low_rank.items()
        },
        before=before,
        after=after,
        changed_predictions=float((earlier.classes != later.classes).double().mean()),
        parameters_before=count_parameters(original).total,
        parameters_after=count_parameters(replaced).total,
        flops_before=earlier.flops_per_row,
        flops_after=later.flops_per_row,
    )


def diagnose_layer(
    original: nn.Module, replacement: LowRankLayer, fisher: GroupFisher
) -> LayerDiagnosis:
    """Say what replacing one layer changed in it, without a probe set.

    Args:
        original: The ordinary layer.
        replacement: The low-rank layer in its place.
        fisher: Its group Fisher.

    Returns:
        The diagnosis of the layer.
    """
    weights = neutralize(fisher.row_importance)
    positive = weights[weights > 0]
    return LayerDiagnosis(
        replacement=ReplacementReport.of(original, replacement),
        condition=float(positive.max() / positive.min()) if len(positive) else math.inf,
        zero_rows=int((weights == 0).sum()),
        overlaps=group_overlaps(fisher),
    )


def group_overlaps(fisher: GroupFisher) -> tuple[GroupOverlap, ...]:
    """Compare the row importances of each pair of groups.

    Args:
        fisher: Group Fisher of a layer.

    Returns:
        One entry a pair, in the order of the groups.
    """
    return tuple(
        _overlap((fisher.groups[a], fisher.groups[b]), *fisher.row_importance[[a, b]])
        for a, b in combinations(range(len(fisher.groups)), 2)
    )


def _overlap(names: tuple[str, str], first: Tensor, second: Tensor) -> GroupOverlap:
    # Deviations within rounding of the mean are none: a constant has no correlation.
    varies = all(
        float(row.std(correction=0)) > 1e-12 * float(row.mean()) for row in (first, second)
    )
    correlation = float(torch.corrcoef(torch.stack([first, second]))[0, 1]) if varies else math.nan
    k = max(1, len(first) // 5)
    top, other_top = (
        set(row.argsort(descending=True, stable=True)[:k].tolist()) for row in (first, second)
    )
    return GroupOverlap(
        groups=names,
        correlation=correlation,
        shared_top=len(top & other_top) / k,
        scale_ratio=float(first.mean() / second.mean()) if bool(second.any()) else math.inf,
    )


class _Predictions(NamedTuple):
    """Predicted class of each row with a group, number of classes, and operations per row."""

    classes: Tensor
    n_classes: int
    flops_per_row: float


def _low_rank_layers(
    replaced: nn.Module, fishers: Mapping[str, GroupFisher]
) -> dict[str, LowRankLayer]:
    """Find the low-rank layers.

    Returns:
        Layer by name.

    Raises:
        ArgumentError: If there is none, or one has no group Fisher.
    """
    layers = {n: m for n, m in replaced.named_modules() if isinstance(m, LowRankLayer)}
    if not layers:
        raise ArgumentError(
            "replaced", type(replaced).__name__, "a low-rank layer in it", "Call replace_layer."
        )
    for name in layers:
        if name not in fishers:
            accepted = f"the group Fisher of every low-rank layer, and there is none of {name!r}"
            remedy = "Measure the original model with group_fisher."
            raise ArgumentError("fishers", list(fishers), accepted, remedy)
    return layers


def _predict(model: nn.Module, batches: Sequence[Batch], forward: Forward | None) -> _Predictions:
    """Predict the classes of all rows with a group, and count operations."""
    classes, n_classes = [], 2
    with evaluation_mode(model), FlopCounterMode(display=False) as flops:
        for batch in batches:
            logits = _class_logits(run_model(model, batch, forward))
            n_classes = logits.shape[1]
            classes.append(logits.argmax(dim=1)[batch.groups >= 0].cpu())
    rows = sum(len(batch) for batch in batches)
    return _Predictions(torch.cat(classes), n_classes, flops.get_total_flops() / rows)


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


def _count(
    run: _Predictions, batches: Sequence[Batch], group_names: tuple[str, ...]
) -> ConfusionCounts:
    """Count predictions by group and class."""
    targets = torch.cat([torch.as_tensor(b.targets).flatten()[b.groups >= 0] for b in batches])
    codes = torch.cat([batch.groups[batch.groups >= 0] for batch in batches])
    return confusion_counts(
        targets.cpu().numpy(),
        run.classes.numpy(),
        Groups(codes.cpu().numpy(), group_names),
        n_classes=run.n_classes,
    )
