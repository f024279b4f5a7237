"""Moments of a layer's inputs within cells of group and class, and the bias directions in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from fairfactor.distributed import ALONE, Processes
from fairfactor.errors import ArgumentError, DataError
from fairfactor.importance.batches import (
    Batch,
    Forward,
    checked_group_names,
    read_batches,
    run_model,
)
from fairfactor.importance.calls import calling_layers
from fairfactor.importance.independence import refuse_sample_dependence
from fairfactor.importance.layers import refuse_channel_groups, select_layers
from fairfactor.importance.lockstep import in_step, lockstep
from fairfactor.importance.moment_sums import MomentSums, grown

Cells = Literal["group_and_class", "group"]


@dataclass(frozen=True, eq=False)
class InputMoments:
    """Mean inputs of one layer in each cell of group s and class c, and their second moment.

    The input x̄_i of sample i is the mean over the positions at which it meets the layer. All
    tensors are float64 on the CPU.

    Attributes:
        groups: Names of the G groups.
        counts: Samples n_sc of each cell, shape (G, K), int64. K = 1 if cells are groups only.
        cell_means: Mean x̄ of each cell, shape (G, K, in), zero for a cell without samples.
        second_moment: Mean over all samples of the mean over positions of x xᵀ, shape (in, in).
    """

    groups: tuple[str, ...]
    counts: Tensor
    cell_means: Tensor
    second_moment: Tensor

    @property
    def mean(self) -> Tensor:
        """Mean input μ of all samples, shape (in,)."""
        return _weighted_mean(self.cell_means.flatten(0, 1), self.counts.flatten())

    @property
    def covariance(self) -> Tensor:
        """Covariance of the inputs over samples and positions, E[x xᵀ] - μ μᵀ, shape (in, in)."""
        return self.second_moment - torch.outer(self.mean, self.mean)

    def demographic_parity_directions(self) -> Tensor:
        """Return μ_s - μ for every group s: mean of the group minus mean of all samples.

        Returns:
            Δ of shape (in, G).
        """
        return _deviations(self._group_means(), self.counts.sum(dim=1))

    def equal_opportunity_directions(self, positive_class: int = 1) -> Tensor:
        """Return μ_sc - μ_c for every group s within one class c.

        Args:
            positive_class: Code of the class.

        Returns:
            Δ of shape (in, groups that have samples of the class).

        Raises:
            ArgumentError: If there is no such class.
            DataError: If fewer than two groups have samples of it.
        """
        classes = self.counts.shape[1]
        if not 0 <= positive_class < classes:
            raise ArgumentError(
                "positive_class", positive_class, f"a class from 0 to {classes - 1}"
            )
        directions = self._class_directions(positive_class)
        if directions is None:
            raise DataError(
                f"Only one group has samples of class {positive_class}, so it shows no difference "
                "between groups. Use a class that several groups have."
            )
        return directions

    def equalized_odds_directions(self) -> Tensor:
        """Return μ_sc - μ_c for every group s within every class c.

        Returns:
            Δ of shape (in, cells). Cells without samples are left out, and so are classes
            that only one group has.

        Raises:
            DataError: If no class has samples of two groups.
        """
        columns = [self._class_directions(code) for code in range(self.counts.shape[1])]
        present = [directions for directions in columns if directions is not None]
        if not present:
            raise DataError("No class has samples of two groups, so no difference can be seen.")
        return torch.cat(present, dim=1)

    def _group_means(self) -> Tensor:
        """Return the mean of each group over its classes, shape (G, in)."""
        shares = self.counts / self.counts.sum(dim=1, keepdim=True)
        return (shares[:, :, None] * self.cell_means).sum(dim=1)

    def _class_directions(self, code: int) -> Tensor | None:
        """Return the directions within a class, or None if it has samples of one group at most."""
        counts = self.counts[:, code]
        present = counts > 0
        if present.sum() < 2:
            return None
        return _deviations(self.cell_means[present, code], counts[present])


def input_moments(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    layers: str | Sequence[str] = "head",
    cells: Cells = "group_and_class",
    group_names: Sequence[str] | None = None,
    forward: Forward | None = None,
    processes: Processes = ALONE,
) -> dict[str, InputMoments]:
    """Measure the moments of layers' inputs in one pass over the data, without gradients.

    Where inputs are a mapping with an ``attention_mask`` of shape (samples, positions), positions
    that it masks are left out of layers that see that many positions. Data that cannot be used
    raise ``DataError``, as in :func:`group_fisher`.

    Args:
        model: Model in evaluation mode.
        batches: Iterable of ``(inputs, targets, groups)``, as for :func:`group_fisher`.
        layers: Which layers, see :func:`select_layers`.
        cells: ``"group_and_class"`` needs integer classes as targets; ``"group"`` reads no targets.
        group_names: Names of the groups in the order of their codes. By default the codes.
        forward: Callable from (model, inputs) to outputs, where ``model(inputs)`` is not it.
        processes: Those that share the work, each with its own batches, perhaps none.

    Returns:
        Moments by name of the layer.

    Raises:
        ArgumentError: If an argument is not usable, or a chosen layer is never called.
    """
    if cells not in get_args(Cells):
        raise ArgumentError("cells", cells, f"one of {', '.join(get_args(Cells))}")
    refuse_sample_dependence(model)
    chosen = select_layers(model, layers)
    refuse_channel_groups(chosen, "in which all outputs read the same inputs")
    sums = [MomentSums(name, layer) for name, layer in chosen.items()]
    counts = torch.zeros(len(group_names or ()), 0, dtype=torch.int64)
    with processes.together(), lockstep(model, processes) as runners, ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(calling_layers())
        for total in sums:
            handle = total.layer.register_forward_hook(total.record, with_kwargs=True)
            stack.callback(handle.remove)
        for batch, is_own in in_step(runners, read_batches(batches, model, group_names)):
            classes = _classes(batch, cells)
            for total in sums:
                total.begin(len(batch))
            run_model(model, batch, forward)
            if not is_own:
                continue
            for total in sums:
                total.add(batch, classes)
            counts = _with_batch(counts, batch.groups, classes)
    counts = _add_processes(processes, counts, sums)
    names = checked_group_names(group_names, counts.sum(dim=1))
    divisors = counts.clamp(min=1)[:, :, None]
    return {
        total.name: InputMoments(
            groups=names,
            counts=counts,
            cell_means=total.cell_sums / divisors,
            second_moment=total.products / counts.sum(),
        )
        for total in sums
    }


def _add_processes(processes: Processes, counts: Tensor, sums: Sequence[MomentSums]) -> Tensor:
    """Add what the other processes found to the sums, and return the counts of all of them."""
    shape = processes.largest(*counts.shape)
    counts = grown(counts, *shape)
    for total in sums:
        total.grow(*shape)
    processes.sum([counts, *(part for total in sums for part in (total.cell_sums, total.products))])
    return counts


def _classes(batch: Batch, cells: Cells) -> Tensor:
    """Return the class of each sample, 0 for excluded ones, shape (samples,)."""
    included = batch.groups >= 0
    if cells == "group":
        return torch.zeros_like(batch.groups)
    targets = batch.targets
    if not isinstance(targets, Tensor) or targets.numel() != len(batch):
        raise ArgumentError(
            "cells", cells, "one class per sample as target", "Use cells='group' without classes."
        )
    values = targets.flatten()
    classes = values.masked_fill(~included, 0).to(torch.int64)
    wrong = included & ((classes != values) | (classes < 0))
    if wrong.any():
        raise DataError(
            f"Target {values[wrong][0].item()} is not a class: expected integers from 0. "
            "Use cells='group' for other targets."
        )
    return classes


def _with_batch(counts: Tensor, groups: Tensor, classes: Tensor) -> Tensor:
    """Return the counts of the cells, shape (G, K), with the samples of a batch added."""
    included = groups >= 0
    groups, classes = groups[included].cpu(), classes[included].cpu()
    total = grown(counts, int(groups.max()) + 1, int(classes.max()) + 1)
    total.index_put_((groups, classes), torch.ones_like(groups), accumulate=True)
    return total


def _weighted_mean(values: Tensor, counts: Tensor) -> Tensor:
    """Return the mean of rows by count, shape (in,)."""
    return (counts / counts.sum()).to(values) @ values


def _deviations(means: Tensor, counts: Tensor) -> Tensor:
    """Return the deviation of each mean from their mean by count, shape (in, means)."""
    return (means - _weighted_mean(means, counts)).T
