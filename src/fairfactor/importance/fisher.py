"""Box 1: Fisher information of each group, exact and in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.distributed import ALONE, Processes
from fairfactor.errors import ArgumentError, DataError
from fairfactor.importance.batches import (
    Forward,
    add_counts,
    checked_group_names,
    read_batches,
    run_model,
    select_rows,
)
from fairfactor.importance.calls import LayerUse
from fairfactor.importance.capture import GradientCapture
from fairfactor.importance.group_sums import GroupSums, Statistic
from fairfactor.importance.independence import refuse_changing_outputs, refuse_sample_dependence
from fairfactor.importance.layers import (
    layer_device,
    layer_shape,
    refuse_channel_groups,
    select_layers,
)
from fairfactor.importance.lockstep import in_step, lockstep
from fairfactor.importance.losses import Labels, LossName, Objective, PerSampleLoss

_WORKSPACE_ELEMENTS = 2**20  # 4 MiB in float32, about a processor cache
_ACCELERATOR_WORKSPACE_ELEMENTS = 2**24


@dataclass(frozen=True, eq=False)
class GroupFisher:
    """Fisher information of one layer for each group s, means over the n_s samples of the group.

    G_i (out × in) is the gradient of the loss of sample i with respect to the weight, summed over
    the positions at which the sample meets it. All tensors are float64 on the CPU.

    Attributes:
        groups: Names of the G groups.
        counts: n_s, shape (G,), int64.
        row_importance: ρ_s[j] = mean Σ_o G_i[o, j]², shape (G, in).
        diagonal: F_s = mean G_i ∘ G_i, shape (G, out, in), or None.
        input_matrix: R_s = mean G_iᵀ G_i, shape (G, in, in), or None. Its diagonal is ρ_s.
        input_factor: Input side of the Kronecker approximation F_in ⊗ F_out, in the "expand"
            convention of arXiv:2311.00636: mean over samples and positions of x xᵀ, shape
            (G, in, in), or None. Of several positions, those without gradient are left out, such
            as padding.
        output_factor: Output side, mean over samples of Σ_t g gᵀ, shape (G, out, out), or None.
    """

    groups: tuple[str, ...]
    counts: Tensor
    row_importance: Tensor
    diagonal: Tensor | None = None
    input_matrix: Tensor | None = None
    input_factor: Tensor | None = None
    output_factor: Tensor | None = None


def group_fisher(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    layers: str | Sequence[str] = "head",
    loss: LossName | PerSampleLoss = "cross_entropy",
    labels: Labels = "observed",
    statistics: Sequence[Statistic] = ("row_importance",),
    group_names: Sequence[str] | None = None,
    forward: Forward | None = None,
    seed: int = 0,
    processes: Processes = ALONE,
) -> dict[str, GroupFisher]:
    """Measure the Fisher information of each group in one pass over the data.

    F_s = mean over the samples i of group s of G_i ∘ G_i, with G_i the gradient of the loss of
    sample i alone (Eq. 1 of arXiv:2403.00625), never of the mean over a batch. The row importance
    of input feature j is ρ_s[j] = Σ_o F_s[o, j]. Data that cannot be used raise ``DataError``: no
    samples, a group without samples, codes or targets out of range, values that are not finite.

    A sample's gradient must not depend on the other samples of its batch. Batch normalisation in
    training mode is refused, and so are models whose own functions are random or mix samples, as
    far as two samples of the first batch on their own show it (not with ``forward``). Gradients
    of the weight come from calls of the layer (and of layers tied to it) as a module.

    Args:
        model: Model in evaluation mode. Its mode, gradients, flags and buffers stay as they are.
        batches: Iterable of ``(inputs, targets, groups)``. Inputs are a tensor, a tuple or a
            mapping of tensors, groups are integer codes from 0, and -1 excludes a sample.
        layers: Which layers, see :func:`select_layers`.
        loss: ``"cross_entropy"`` (integer targets), ``"binary_cross_entropy"`` (one logit or one
            per label), ``"mean_squared_error"``, or a callable from (outputs, targets) to losses of
            shape (samples,).
        labels: ``"observed"`` is the empirical Fisher information of the paper. ``"predicted"`` is
            the expectation over the model's own predictive distribution, exact, at one backward
            pass per output. ``"sampled"`` draws one label per sample from it.
        statistics: Besides the row importance, which always comes: ``"diagonal"``,
            ``"input_matrix"``, ``"kronecker"``.
        group_names: Names of the groups in the order of their codes. By default the codes.
        forward: Callable from (model, inputs) to outputs, where ``model(inputs)`` is not it.
        seed: Seed of sampled labels.
        processes: Those that share the work, each with its own batches, perhaps none.

    Returns:
        Fisher information by name of the layer.

    Raises:
        ArgumentError: If an argument is not usable, or a chosen layer is never called.
    """
    unknown = set(statistics) - set(get_args(Statistic))
    if unknown:
        raise ArgumentError("statistics", unknown, f"any of {', '.join(get_args(Statistic))}")
    refuse_sample_dependence(model)
    chosen = select_layers(model, layers)
    if "kronecker" in statistics:
        refuse_channel_groups(chosen, "in which one factor could be that of all outputs")
    objective = Objective(loss, labels, seed + processes.rank)
    sums = {
        name: GroupSums(*layer_shape(layer), statistics, layer_device(layer))
        for name, layer in chosen.items()
    }
    counts = torch.zeros(len(group_names or ()), dtype=torch.int64)
    with (
        processes.together(),
        lockstep(model, processes) as runners,
        GradientCapture(model, chosen, runners) as capture,
    ):
        steps = in_step(runners, read_batches(batches, model, group_names))
        for index, (batch, is_own) in enumerate(steps):
            included = batch.included()
            if is_own:
                counts = add_counts(counts, select_rows(batch.groups, included))
            for total in sums.values():
                total.grow(len(counts))
            with capture.forward(len(batch)):
                outputs = run_model(model, batch, forward)
                targets = select_rows(batch.targets, included)
                scalars = objective(select_rows(outputs, included), targets)
            if index == 0 and forward is None:
                refuse_changing_outputs(model, batch, outputs, runners)
            rows = _rows_to_add(batch.groups, included, statistics)
            receive = partial(_add_samples, sums, batch.groups, rows) if is_own else _add_nothing
            capture.backward(scalars, included, receive)
    counts = _add_processes(processes, counts, sums)
    names = checked_group_names(group_names, counts)
    capture.refuse_uncalled(processes)
    return {name: GroupFisher(names, counts, **total.means(counts)) for name, total in sums.items()}


def _add_processes(processes: Processes, counts: Tensor, sums: dict[str, GroupSums]) -> Tensor:
    """Add what the other processes found to the sums, and return the counts of all of them."""
    [groups] = processes.largest(len(counts))
    counts = functional.pad(counts, (0, groups - len(counts)))
    for total in sums.values():
        total.grow(groups)
    processes.sum([counts, *(part for total in sums.values() for part in total.sums.values())])
    return counts


def _add_samples(
    sums: dict[str, GroupSums], groups: Tensor, rows: Tensor | None, name: str, uses: list[LayerUse]
) -> None:
    """Add the samples of a batch, a few at a time so that the workspace stays small.

    Args:
        sums: Sums of each layer.
        groups: Group code of each sample in the batch.
        rows: Indices of the samples to add, or None for all of them in their order.
        name: Name of a layer.
        uses: The uses of its weight, all samples of the batch.

    Raises:
        DataError: If a sum is not finite.
    """
    total = sums[name]
    groups = groups.to(uses[0].inputs.device)
    on_cpu = groups.device.type == "cpu"
    workspace = _WORKSPACE_ELEMENTS if on_cpu else _ACCELERATOR_WORKSPACE_ELEMENTS
    step = max(1, workspace // total.elements_per_sample(uses))
    with torch.autocast(groups.device.type, enabled=False):
        for start in range(0, groups.shape[0] if rows is None else rows.shape[0], step):
            part = slice(start, start + step) if rows is None else rows[start : start + step]
            total.add([_part(use, part) for use in uses], groups[part])
    if not math.isfinite(total.sums["row_importance"].sum()):
        raise DataError(
            f"Layer {name!r} has inputs or gradients that are not finite. "
            "Look for missing values in the inputs, or use float32."
        )


def _add_nothing(name: str, uses: list[LayerUse]) -> None:
    """Take the place of `_add_samples` for a batch that does not count."""


def _part(use: LayerUse, rows: Tensor | slice) -> LayerUse:
    """Take some samples, in float32 at least."""
    dtype = torch.promote_types(use.inputs.dtype, use.gradients.dtype)
    dtype = torch.promote_types(dtype, torch.float32)
    return LayerUse(use.layer, use.inputs[rows].to(dtype), use.gradients[rows].to(dtype))


def _rows_to_add(
    groups: Tensor, included: Tensor | None, statistics: Sequence[Statistic]
) -> Tensor | None:
    """Sort the included samples by group where that saves time; None leaves them in place."""
    if set(statistics) <= {"row_importance"}:
        return included
    return groups.argsort(stable=True)[(groups < 0).sum() :]
