"""The paper's main comparison: every method and rank, on every seed, on one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from time import perf_counter

from fairfactor.checkpoints import Checkpoints
from fairfactor.config import RunConfig
from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError
from fairfactor.groups import Groups
from fairfactor.methods import METHODS
from fairfactor.starting_model import StartingModel
from fairfactor.studies.parallel import run_seeds
from fairfactor.studies.seed_run import Cell, Outcome, SeedRun, run_seed
from fairfactor.studies.seed_store import load_seed_run, save_seed_run
from fairfactor.studies.task_groups import task_groups


@dataclass(frozen=True, eq=False)
class Comparison:
    """All outcomes of a comparison.

    Attributes:
        config: What was asked for.
        task: The table and the parts of its columns.
        groups: Group of each row of the table.
        runs: One for each seed, in their order.
        wall_seconds: From the first seed's start to the last one's end.
    """

    config: RunConfig
    task: TableTask
    groups: Groups
    runs: tuple[SeedRun, ...]
    wall_seconds: float

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """The outcomes of all seeds, in the order of seeds, then of cells."""
        return [outcome for run in self.runs for outcome in run.outcomes]

    @cached_property
    def cells(self) -> list[Cell]:
        """The methods and ranks that were run."""
        return [outcome.cell for outcome in self.runs[0].outcomes]

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of each part of the work, added over seeds, and in ``total`` as they passed."""
        parts = self.runs[0].seconds
        added = {part: sum(run.seconds[part] for run in self.runs) for part in parts}
        return added | {"total": self.wall_seconds}

    def values(self, cell: Cell, metric: str) -> list[float]:
        """One metric of one cell.

        Args:
            cell: Method and rank.
            metric: Explicit name of the metric.

        Returns:
            One value a seed, in the order of the seeds; NaN where undefined.
        """
        return [outcome.metrics[metric] for outcome in self.outcomes if outcome.cell == cell]


def compare_methods(
    task: TableTask,
    config: RunConfig,
    *,
    workers: int | None = None,
    on_seed: Callable[[], None] = lambda: None,
    checkpoints: Checkpoints | None = None,
    start: StartingModel | None = None,
) -> Comparison:
    """Run every method and rank on every seed, the seeds in parallel.

    Every seed computes on one thread, so that the numbers do not depend on the number of workers.

    Args:
        task: The table.
        config: Methods, ranks, seeds and budgets.
        workers: Number of processes; as many as there are processors and seeds if unset. One runs
            the seeds in this process.
        on_seed: Called after each seed, for a progress bar.
        checkpoints: Where finished seeds are kept.
        start: The pre-trained network to start from; the seeds then run in this process, because
            the user's code may not go to others.

    Returns:
        The outcomes.

    Raises:
        ArgumentError: If α is set and there are not two groups to weigh, or a rank is too large.
    """
    groups = task_groups(task, config.minimum_group_size)
    if config.alpha is not None and len(groups.names) != 2:
        raise ArgumentError(
            "alpha",
            config.alpha,
            f"two groups to weigh, and there are {len(groups.names)}",
            "Leave --alpha out, so that every group has the same weight.",
        )
    full_rank = (
        len(task.class_names) if start else min((*config.widths[-1:], len(task.class_names)))
    )
    if max(config.rank) > full_rank and any(METHODS[name].weighting for name in config.method):
        raise ArgumentError(
            "rank",
            config.rank,
            f"integers up to {full_rank}, the smaller side of the last layer",
            f"Use --rank {full_rank}.",
        )
    began = perf_counter()
    runs = run_seeds(
        partial(
            _kept_seed, checkpoints or Checkpoints(), task.without_extractor, groups, config, start
        ),
        config.all_seeds,
        workers=1 if start else workers,
        on_seed=on_seed,
    )
    return Comparison(config, task, groups, tuple(runs), perf_counter() - began)


def _kept_seed(
    checkpoints: Checkpoints,
    task: TableTask,
    groups: Groups,
    config: RunConfig,
    start: StartingModel | None,
    seed: int,
) -> SeedRun:
    """Run one seed, unless an earlier attempt has finished it."""
    compute = partial(run_seed, task, groups, config, seed, start)
    load = partial(load_seed_run, start=start)
    return checkpoints.once(f"seed-{seed}", compute, save_seed_run, load)
