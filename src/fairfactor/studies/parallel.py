"""Run one function for many seeds, in parallel, with the same numbers for any number of workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

import torch

from fairfactor.errors import TrainingError

Result = TypeVar("Result")


def run_seeds(
    function: Callable[[int], Result],
    seeds: Sequence[int],
    *,
    workers: int | None = None,
    on_seed: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Call a function for each seed, each call on one thread.

    Args:
        function: From a seed to a result; both go between processes, so it must be a module's
            function or a partial of one.
        seeds: The seeds.
        workers: Number of processes; as many as there are processors and seeds if unset. One runs
            everything in this process.
        on_seed: Called after each seed, for a progress bar.

    Returns:
        The results in the order of the seeds.
    """
    workers = min(workers or os.cpu_count() or 1, len(seeds))
    if workers == 1:
        return _run_here(function, seeds, on_seed)
    return _run_in_processes(function, seeds, workers, on_seed)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread within the block, so that sums do not depend on the number of them.

    Yields:
        Nothing.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _run_here(
    function: Callable[[int], Result], seeds: Sequence[int], on_seed: Callable[[], None]
) -> list[Result]:
    results = []
    with one_thread():
        for seed in seeds:
            results.append(function(seed))
            on_seed()
    return results


def _run_in_processes(
    function: Callable[[int], Result],
    seeds: Sequence[int],
    workers: int,
    on_seed: Callable[[], None],
) -> list[Result]:
    """Use fresh processes, because a forked one may hang in the thread pools it inherits.

    Returns:
        The results in the order of the seeds.

    Raises:
        TrainingError: If a process died.
    """
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
    ) as pool:
        try:
            with _postponed_interrupts():
                futures = [pool.submit(function, seed) for seed in seeds]
            for future in as_completed(futures):
                future.result()
                on_seed()
        except BaseException as error:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            if isinstance(error, BrokenProcessPool):
                raise TrainingError(
                    "A process that ran a seed was ended from outside, perhaps for want of memory. "
                    "Try --workers 1."
                ) from error
            raise
        return [future.result() for future in futures]


@contextmanager
def _postponed_interrupts() -> Iterator[None]:
    """Put Ctrl-C off until the block ends.

    Processes that are started in the block inherit this and never see it: this one ends them.

    Yields:
        Nothing.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    """Use one thread, ignore Ctrl-C where that is not inherited, and never outlive the parent."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process if its parent is killed, as nobody would take its result."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
