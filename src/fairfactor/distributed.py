"""Several processes as one: sums over all of them, and an error in one ends the work of all."""

from __future__ import annotations

import atexit
import ctypes
import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch import distributed as engine

from fairfactor.errors import ArgumentError, FairfactorError


class ProcessError(FairfactorError, RuntimeError):
    """Another process failed, or was lost."""


@dataclass(frozen=True)
class Processes:
    """The processes that share some work; by default this one alone.

    Each process works on rows of its own, in as many batches as it likes, perhaps on none. What is
    summed over rows is summed over the processes at the end, so that all of them have the result
    that a single one would have.

    Attributes:
        group: The process group of ``torch.distributed``, "all" for its default group; None is this
            process alone.
    """

    group: engine.ProcessGroup | Literal["all"] | None = None

    @classmethod
    def started(cls) -> Processes:
        """All processes that ``torchrun`` or ``accelerate launch`` started, or this one alone.

        Returns:
            The default group if ``torch.distributed.init_process_group`` has been called.
        """
        has_group = engine.is_available() and engine.is_initialized()
        return cls("all") if has_group else cls()

    @property
    def number(self) -> int:
        """How many they are."""
        return 1 if self.group is None else engine.get_world_size(self._handle)

    @property
    def rank(self) -> int:
        """Which one this is, from 0."""
        return 0 if self.group is None else engine.get_rank(self._handle)

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their sums over the processes, the same bits in each of them.

        Args:
            tensors: Contiguous, of the same shapes and dtypes in every process.
        """
        if self.group is None:
            return
        with self._answers():
            devices = self._device_types()
            for tensor in tensors:
                if not tensor.numel():
                    continue
                copy = tensor if tensor.device.type in devices else tensor.to(devices[0])
                self._all_reduce(copy, engine.ReduceOp.SUM)
                if copy is not tensor:
                    tensor.copy_(copy)

    def sum_with_gradient(self, values: Tensor) -> Tensor:
        """Sum a tensor over the processes within a loss.

        Every process has a loss of the sum, and the gradients of its parameters are averaged over
        the processes afterwards, as ``DistributedDataParallel`` does. So that this gives the
        gradient of the loss, the gradient that arrives here goes on to the own values, times the
        number of processes.

        Args:
            values: Own values, of the same shape in every process.

        Returns:
            Their sum.
        """
        if self.group is None:
            return values
        total = values.detach().clone()
        self.sum([total])
        return total + self.number * (values - values.detach())

    def largest(self, *numbers: int) -> tuple[int, ...]:
        """Return the largest of each number over the processes."""
        if self.group is None:
            return numbers
        found = torch.tensor(numbers, device=self._device_types()[0])
        with self._answers():
            self._all_reduce(found, engine.ReduceOp.MAX)
        return tuple(found.tolist())

    def require_same(self, argument: str, value: object) -> None:
        """Refuse an argument that differs between the processes.

        Args:
            argument: Its name.
            value: Its value, told apart by its representation.

        Raises:
            ArgumentError: If it differs.
        """
        code = int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:7])
        high, low = self.largest(code, -code)
        if high != -low:
            raise ArgumentError(argument, value, f"the same in all {self.number} processes")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Do work without sums in every process; where one fails, no other waits for it.

        Yields:
            Nothing.

        Raises:
            ProcessError: If the work failed in another process.
        """
        try:
            yield
        except Exception:
            with suppress(ProcessError):
                self.largest(self.rank + 1)
            raise
        [failed] = self.largest(0)
        if failed:
            raise ProcessError(
                f"Process {failed - 1} of {self.number} failed; its own message says why. Mend "
                "that, then start all processes again."
            )

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Say what it means when the other processes do not answer.

        Yields:
            Nothing.

        Raises:
            ProcessError: If they do not.
        """
        try:
            yield
        except RuntimeError as error:
            cause = str(error).strip().splitlines()[0]
            raise ProcessError(
                f"Process {self.rank} of {self.number} got no answer from the others ({cause}). "
                "One was ended, does something else, or is later than the timeout of the process "
                "group. Start all processes again: what was kept on disk is not computed again."
            ) from error

    def _all_reduce(self, tensor: Tensor, operation: engine.ReduceOp.RedOpType) -> None:
        """Reduce a tensor in place, and keep the finished exchange until some later ones.

        gloo's thread lets go of an exchange a moment after it is waited for. If that were the last
        reference, the thread would need the interpreter to free the tensors, and a process that
        ends just then would be aborted.
        """
        exchange = engine.all_reduce(tensor, operation, group=self._handle, async_op=True)
        exchange.wait()
        _LAST_EXCHANGES.append(exchange)

    @property
    def _handle(self) -> engine.ProcessGroup | None:
        """The group as ``torch.distributed`` takes it.

        None names the default group.
        """
        return None if self.group == "all" else self.group

    def _device_types(self) -> list[str]:
        """List the kinds of devices that the processes exchange tensors between."""
        backends = engine.get_backend_config(self._handle)
        return [backend.partition(":")[0] for backend in backends.split(",")]


ALONE = Processes()

_LAST_EXCHANGES: deque[object] = deque(maxlen=4)  # gloo has two threads, each holds one at most
# Python's end frees what modules hold; a thread that is late may then still hold an exchange.
atexit.register(ctypes.pythonapi.Py_IncRef, ctypes.py_object(_LAST_EXCHANGES))


def sharded_modules(model: nn.Module) -> list[Any]:
    """List the modules of which ``torch.distributed.fsdp.fully_shard`` gave each process a part."""
    return [module for module in model.modules() if hasattr(module, "unshard")]


def whole(tensor: Tensor) -> Tensor:
    """Gather a tensor of which each process has a part, a ``DTensor``; all must call it."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
