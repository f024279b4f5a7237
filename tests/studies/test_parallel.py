from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest
import torch
from tests.limits import posix

from fairfactor.errors import ArgumentError, DataError, TrainingError
from fairfactor.studies import parallel
from fairfactor.studies.parallel import run_seeds

# Real processes are in test_comparison.py and, with Ctrl-C, in cli/test_app.py.


def square(seed: int) -> int:
    return seed**2


class InThreads(ThreadPoolExecutor):
    """Takes the place of the process pool where starting processes would only cost time."""

    def __init__(self, workers: int, **_: object) -> None:
        super().__init__(workers)


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "ProcessPoolExecutor", InThreads)


class TestHere:
    def test_results_are_in_order_and_each_seed_is_announced(self) -> None:
        calls: list[None] = []
        found = run_seeds(square, [3, 1, 2], workers=1, on_seed=lambda: calls.append(None))
        assert found == [9, 1, 4]
        assert len(calls) == 3

    @pytest.mark.parametrize("error", [None, DataError("x")])
    def test_work_is_on_one_thread_and_their_number_restored(self, error) -> None:
        def work(_seed: int) -> None:
            seen.append(torch.get_num_threads())
            if error:
                raise error

        before, seen = torch.get_num_threads(), []
        torch.set_num_threads(3)
        try:
            if error:
                with pytest.raises(DataError):
                    run_seeds(work, [0], workers=1)
            else:
                run_seeds(work, [0], workers=1)
            assert seen == [1]
            assert torch.get_num_threads() == 3
        finally:
            torch.set_num_threads(before)


@pytest.mark.usefixtures("in_threads")
class TestProcesses:
    def test_results_are_in_the_order_of_seeds(self) -> None:
        second_is_done = threading.Event()

        def work(seed: int) -> int:
            if seed == 0:
                assert second_is_done.wait(30)
            else:
                second_is_done.set()
            return seed

        calls: list[None] = []
        found = run_seeds(work, [0, 1], workers=2, on_seed=lambda: calls.append(None))
        assert found == [0, 1]
        assert len(calls) == 2

    @pytest.mark.parametrize("error", [DataError("of one seed"), ArgumentError("rank", 9, "1")])
    def test_an_error_of_one_seed_is_that_of_all(self, error: Exception) -> None:
        def work(_seed: int) -> None:
            raise error

        with pytest.raises(type(error), match=str(error)):
            run_seeds(work, [0, 1], workers=2)

    def test_a_process_that_dies_is_explained(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def submit(*_: object) -> Future:
            future: Future = Future()
            future.set_exception(BrokenProcessPool("terminated abruptly"))
            return future

        monkeypatch.setattr(InThreads, "submit", submit)
        with pytest.raises(TrainingError, match=r"ended from outside.*Try --workers 1"):
            run_seeds(square, [0, 1], workers=2)

    @posix
    def test_an_interruption_while_processes_start_is_not_lost(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is put off until they have inherited that they ignore it."""
        submitted = []

        def submit(*_: object) -> Future:
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            submitted.append(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
            return Future()

        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        monkeypatch.setattr(InThreads, "submit", submit)
        # A program that was started in the background ignores the signal from its start.
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                run_seeds(square, [0, 1], workers=2)
        finally:
            signal.signal(signal.SIGINT, handler)
        assert submitted == [True, True]
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


@pytest.mark.parametrize(
    ("asked", "seeds", "started"), [(None, 2, 2), (None, 50, 4), (3, 50, 3), (9, 2, 2)]
)
def test_there_are_no_more_processes_than_processors_and_seeds(
    monkeypatch: pytest.MonkeyPatch, asked: int | None, seeds: int, started: int
) -> None:
    numbers = []

    def run_in_processes(*arguments: object) -> list[object]:
        numbers.append(arguments[2])
        return []

    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(parallel, "_run_in_processes", run_in_processes)
    run_seeds(square, range(seeds), workers=asked)
    assert numbers == [started]
