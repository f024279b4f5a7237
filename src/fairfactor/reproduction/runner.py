"""Run the missing cells of studies, and put together what they say."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import fairfactor
from fairfactor.errors import ArgumentError, FairfactorWarning
from fairfactor.reproduction.cells import Cells, CellStore
from fairfactor.reproduction.code import code_version
from fairfactor.reproduction.study import Study
from fairfactor.studies.parallel import run_seeds
from fairfactor.studies.reported import FORMAT, environment, json_safe

Part = tuple[Study, CellStore]
Task = tuple[int, tuple[Part, ...]]
"""A seed and the studies that have cells to run on it: they share what is pre-trained."""


def store_of(study: Study, folder: Path) -> CellStore:
    """Where the cells of a study are kept.

    Args:
        study: The study.
        folder: Folder for the cells of all studies.

    Returns:
        The store, for this version of the code.
    """
    return CellStore(folder, study.name, code_version(study.run, study.rooms))


def run_cells(
    studies: Sequence[Study],
    seeds: Sequence[int],
    folder: Path,
    *,
    workers: int | None = None,
    on_seed: Callable[[], None] = lambda: None,
) -> None:
    """Run every cell that is not in the folder yet, and write each as soon as it is finished.

    Args:
        studies: The studies.
        seeds: Their seeds.
        folder: Folder for the cells of all studies.
        workers: Number of processes; as many as there are processors if unset. Studies that
            measure time come last, one at a time in this process.
        on_seed: Called twice for each seed: after the studies that share the processors, and after
            those that measure time.
    """
    for alone in (False, True):
        parts = [(study, store_of(study, folder)) for study in studies if study.alone == alone]
        tasks: list[Task] = []
        for seed in seeds:
            waiting = tuple(part for part in parts if any(True for _ in _missing(*part, seed)))
            if waiting:
                tasks.append((seed, waiting))
            else:
                on_seed()
        if tasks:
            run_seeds(
                partial(_run_task, tasks),
                range(len(tasks)),
                workers=1 if alone else workers,
                on_seed=on_seed,
            )


def collect(study: Study, seeds: Sequence[int], folder: Path) -> dict[str, Any]:
    """Put the finished cells of a study together.

    Args:
        study: The study.
        seeds: Its seeds.
        folder: Folder for the cells of all studies.

    Returns:
        The content of its results file.

    Raises:
        ArgumentError: If a cell has not been run.
    """
    store = store_of(study, folder)
    results = []
    for configuration in study.configurations():
        found = [store.load(configuration, seed) for seed in seeds]
        present = tuple(result for result in found if result is not None)
        if len(present) < len(found):
            raise ArgumentError("folder", str(folder), f"all cells of {study.name}", "Run them.")
        results.append((configuration, present))
    cells = Cells(tuple(seeds), tuple(results))
    content = {
        "format": FORMAT,
        "study": study.name,
        "title": study.title,
        "question": study.question,
        "seeds": list(seeds),
        "cells": len(results) * len(seeds),
        "fairfactor_version": fairfactor.__version__,
        "code_version": store.version,
        "environment": environment(),
        **study.report(cells).to_json(),
    }
    return json_safe(content)


def _missing(study: Study, store: CellStore, seed: int) -> Iterator[Any]:
    for configuration in study.configurations():
        if store.load(configuration, seed) is None:
            yield configuration


def _run_task(tasks: Sequence[Task], place: int) -> None:
    """Run the missing cells of one seed."""
    seed, parts = tasks[place]
    for study, store in parts:
        for configuration in _missing(study, store, seed):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FairfactorWarning)
                result = study.run(configuration, seed)
            store.save(configuration, seed, result)
