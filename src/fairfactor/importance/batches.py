"""Batches as they come from a data loader: checked, moved to the model, run through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, DataError

Forward = Callable[[nn.Module, Any], Tensor]


@dataclass(frozen=True)
class Batch:
    """Samples with their targets and group codes.

    Attributes:
        inputs: Tensor, tuple or mapping of tensors, as the model takes them.
        targets: Targets, one per sample.
        groups: Group codes of shape (samples,), int64; -1 excludes a sample.
    """

    inputs: Any
    targets: Any
    groups: Tensor

    def __len__(self) -> int:
        return len(self.groups)

    def included(self) -> Tensor | None:
        """Return the indices of the samples that have a group, or None if all have one."""
        excluded = self.groups < 0
        return (~excluded).nonzero()[:, 0] if bool(excluded.any()) else None


def read_batches(
    batches: Iterable[Any], model: nn.Module, group_names: Sequence[str] | None
) -> Iterator[Batch]:
    """Check each batch and move it to the device of the model.

    Args:
        batches: Iterable of ``(inputs, targets, groups)``.
        model: The model that they are for.
        group_names: Names of the groups if they are known.

    Yields:
        The batches in which at least one sample has a group.

    Raises:
        ArgumentError: If a batch does not have the three parts.
        DataError: If group codes are out of range, or lengths disagree.
    """  # noqa: DOC502 - raised by the checks
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    for index, batch in enumerate(batches):
        if not isinstance(batch, (tuple, list)) or len(batch) != 3:
            raise ArgumentError(
                "batches",
                batch,
                "an iterable of (inputs, targets, groups)",
                f"Batch {index} is {type(batch).__name__}.",
            )
        codes = _group_codes(index, batch[2])
        if not len(codes):
            continue
        lowest, highest = map(int, codes.aminmax())
        _check_range(index, lowest, highest, group_names)
        if highest < 0:
            continue
        _check_lengths(index, batch, len(codes))
        codes = codes.to(device)
        inputs, targets = (_mapped(part, lambda tensor: tensor.to(device)) for part in batch[:2])
        yield Batch(inputs, targets, codes)


def _group_codes(index: int, groups: Any) -> Tensor:
    """Return the group codes of a batch.

    Raises:
        DataError: If they are not one integer per sample.
    """
    try:
        codes = torch.as_tensor(groups)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"Batch {index}: group codes are {groups!r:.60}; expected one integer per sample. "
            "Encode labels with encode_groups."
        ) from error
    if codes.dim() != 1 or codes.is_floating_point() or codes.is_complex():
        raise DataError(
            f"Batch {index}: group codes have shape {tuple(codes.shape)} and type "
            f"{codes.dtype}; expected one integer per sample. Encode labels with encode_groups."
        )
    return codes.to(torch.int64)


def run_model(model: nn.Module, batch: Batch, forward: Forward | None) -> Tensor:
    """Run the model on a batch.

    Args:
        model: The model.
        batch: The batch.
        forward: Callable from (model, inputs) to the outputs. By default ``model(inputs)``,
            ``model(*inputs)`` for a tuple, ``model(**inputs)`` for a mapping, and the ``logits``
            of the result where it has them.

    Returns:
        Outputs with the samples along the first dimension.

    Raises:
        ArgumentError: If the result is not a tensor with one row per sample.
    """
    inputs = batch.inputs
    if forward is not None:
        outputs: Any = forward(model, inputs)
    elif isinstance(inputs, Mapping):
        outputs = model(**inputs)
    elif isinstance(inputs, (tuple, list)):
        outputs = model(*inputs)
    else:
        outputs = model(inputs)
    if forward is None:
        outputs = getattr(outputs, "logits", outputs)
    if not isinstance(outputs, Tensor):
        raise ArgumentError(
            "forward",
            type(outputs).__name__,
            "a tensor of outputs",
            "Give forward=, a callable from (model, inputs) to the logits.",
        )
    if outputs.dim() == 0 or len(outputs) != len(batch):
        raise ArgumentError(
            "forward",
            tuple(outputs.shape),
            f"outputs with {len(batch)} rows, one per sample",
            "Give forward=, a callable from (model, inputs) to the logits.",
        )
    return outputs


def select_rows(value: Any, rows: Tensor | None) -> Any:
    """Take the given rows, or all, of every tensor in a nested value."""
    return value if rows is None else _mapped(value, lambda tensor: tensor[rows])


def rows_of_inputs(batch: Batch, rows: Tensor) -> Any:
    """Take the given rows of the inputs; None unless all are tensors with one row per sample."""
    inputs = batch.inputs
    if isinstance(inputs, Mapping):
        parts = list(inputs.values())
    else:
        parts = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
    if not all(isinstance(part, Tensor) and part.shape[:1] == (len(batch),) for part in parts):
        return None
    return select_rows(inputs, rows)


def add_counts(counts: Tensor, codes: Tensor) -> Tensor:
    """Return the counts of the groups, shape (G,), with the group codes of a batch added."""
    total = torch.bincount(codes.cpu(), minlength=len(counts))
    total[: len(counts)] += counts
    return total


def checked_group_names(names: Sequence[str] | None, counts: Tensor) -> tuple[str, ...]:
    """Return one name per group.

    Args:
        names: The names if they are known, else they are the codes.
        counts: Number of samples of each group, shape (G,).

    Returns:
        The names.

    Raises:
        DataError: If a group has no sample, or none has.
    """
    names = tuple(map(str, range(len(counts)))) if names is None else tuple(names)
    if not bool(counts.any()):
        raise DataError("batches has no sample with a group; expected (inputs, targets, groups).")
    empty = (counts == 0).nonzero().flatten().tolist()
    if empty:
        raise DataError(
            f"Group {names[empty[0]]!r} (code {empty[0]}) has no sample in batches. "
            "Leave it out of the groups, or add its samples."
        )
    return names


def _check_range(index: int, lowest: int, highest: int, group_names: Sequence[str] | None) -> None:
    """Refuse group codes below -1, or without a name."""
    upper = highest + 1 if group_names is None else len(group_names)
    if lowest < -1 or highest >= upper:
        accepted = "0 or more" if group_names is None else f"0 to {upper - 1}"
        raise DataError(
            f"Batch {index}: group code {lowest if lowest < -1 else highest} is out of range; "
            f"expected {accepted}, or -1 to exclude a sample."
        )


def _check_lengths(index: int, batch: Sequence[Any], number_of_samples: int) -> None:
    """Refuse inputs or targets that are tensors of another length."""
    for part, value in zip(("inputs", "targets"), batch, strict=False):
        if isinstance(value, Tensor) and (value.dim() == 0 or len(value) != number_of_samples):
            raise DataError(
                f"Batch {index}: {part} of shape {tuple(value.shape)} and {number_of_samples} "
                "group codes; expected the same number of samples in each."
            )


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Apply a function to every tensor in a nested value."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, Mapping):
        return {key: _mapped(item, function) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(_mapped(item, function) for item in value)
    return value
