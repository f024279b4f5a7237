"""From the names of studies to their results files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fairfactor.errors import ArgumentError
from fairfactor.files import require_writable
from fairfactor.finetuning import require_integer
from fairfactor.reproduction.registry import STUDIES
from fairfactor.reproduction.results import save_results
from fairfactor.reproduction.runner import collect, run_cells
from fairfactor.reproduction.study import Study
from fairfactor.settings import check_choices

_BYTES_NEEDED = 20_000_000


def chosen_studies(names: Sequence[str], *, everything: bool) -> list[Study]:
    """The studies that are asked for.

    Args:
        names: Names of studies.
        everything: Whether all are that have something to run here.

    Returns:
        The studies, in the order of the page.

    Raises:
        ArgumentError: If none is asked for, a name is not known, or both are given.
    """
    if everything:
        if names:
            raise ArgumentError("NAME", tuple(names), "no name beside --all")
        return [study for study in STUDIES.values() if study.configurations()]
    if not names:
        raise ArgumentError("NAME", (), f"--all, or some of {', '.join(STUDIES)}")
    check_choices("NAME", tuple(names), tuple(STUDIES))
    return [study for name, study in STUDIES.items() if name in names]


def reproduce(
    studies: Sequence[Study],
    *,
    seeds: int,
    first_seed: int,
    results: Path,
    cells: Path,
    workers: int | None = None,
    on_seed: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """Run what is missing of some studies, and write their results.

    Args:
        studies: The studies.
        seeds: Number of seeds.
        first_seed: The first of them.
        results: Folder for the results files.
        cells: Folder for the finished cells, which a later call takes up.
        workers: Number of processes.
        on_seed: Called twice for each seed, see `run_cells`.

    Returns:
        The results of each study.

    Raises:
        KeyboardInterrupt: If it was interrupted, with what to do next.
    """
    require_integer("seeds", seeds, 1)
    require_integer("first_seed", first_seed, 0)
    for folder in (results, cells):
        require_writable(folder, _BYTES_NEEDED)
    chosen = range(first_seed, first_seed + seeds)
    try:
        run_cells(studies, chosen, cells, workers=workers, on_seed=on_seed)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Finished cells are kept: the same command goes on.") from None
    found = [collect(study, chosen, cells) for study in studies]
    for content in found:
        save_results(results, content)
    return found
