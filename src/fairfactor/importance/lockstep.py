"""Steps that all processes take together, because each of them has a part of every weight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from fairfactor.distributed import ALONE, Processes, sharded_modules
from fairfactor.errors import ArgumentError, DataError
from fairfactor.importance.batches import Batch


@contextmanager
def lockstep(model: nn.Module, processes: Processes) -> Iterator[Processes]:
    """Find the processes that must run the model together, and let go of what they gathered.

    Args:
        model: A model, perhaps sharded by ``torch.distributed.fsdp.fully_shard``.
        processes: Those that share the data.

    Yields:
        The processes if the model is sharded, otherwise this one alone.

    Raises:
        ArgumentError: If the model is sharded and there is one process.
    """
    sharded = sharded_modules(model)
    if not sharded:
        yield ALONE
        return
    if processes.group is None:
        raise ArgumentError(
            "processes",
            processes,
            "the processes between which fully_shard shared the model out",
            "Pass processes=Processes.started().",
        )
    try:
        yield processes
    finally:
        for module in sharded:
            module.reshard()


def in_step(processes: Processes, batches: Iterator[Batch]) -> Iterator[tuple[Batch, bool]]:
    """Give every process a batch as long as one of them has any.

    Args:
        processes: Those that must run the model together.
        batches: The batches of this one.

    Yields:
        A batch, and whether it counts: a process that has no more repeats its last one, which does
        not.

    Raises:
        DataError: If a process has none at all.
    """
    last: Batch | None = None
    while True:
        with processes.together():
            batch = next(batches, None)
        [more] = processes.largest(int(batch is not None))
        if not more:
            return
        last, is_own = batch or last, batch is not None
        with processes.together():
            if last is None:
                raise DataError(
                    f"Process {processes.rank} has no batch, but all {processes.number} must run a "
                    "sharded model together. Give each at least one, with a group of -1 for rows "
                    "that should not count."
                )
        yield last, is_own
