"""Ours and every peer on the same splits, backbones and seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from time import perf_counter

from fairfactor.checkpoints import Checkpoints
from fairfactor.compare_config import CompareConfig
from fairfactor.data.task import TableTask
from fairfactor.groups import Groups
from fairfactor.peers import PEERS
from fairfactor.studies.parallel import run_seeds
from fairfactor.studies.peer_run import Entry, PeerOutcome, PeerRun, run_peers, tried_settings
from fairfactor.studies.task_groups import task_groups


@dataclass(frozen=True, eq=False)
class PeerComparison:
    """A finished comparison with peers.

    Attributes:
        config: What was asked for.
        task: The table and the parts of its columns.
        groups: Group of each row.
        runs: One for each seed.
        wall_seconds: From the first seed's start to the last one's end.
    """

    config: CompareConfig
    task: TableTask
    groups: Groups
    runs: tuple[PeerRun, ...]
    wall_seconds: float

    @cached_property
    def entries(self) -> list[Entry]:
        """Every peer and setting that was asked for, whether it ran or not."""
        return [
            (key, place)
            for key in self.config.peers
            for place in tried_settings(key, self.config.settings)
        ]

    def missing(self, key: str) -> str | None:
        """Why a peer has no result on some seed.

        Args:
            key: Key of the peer.

        Returns:
            The reason, or ``None`` if it ran on every seed.
        """
        return next((run.gaps[key] for run in self.runs if key in run.gaps), None)

    def outcomes(self, entry: Entry) -> list[PeerOutcome]:
        """The outcomes of one setting, in the order of the seeds.

        Args:
            entry: Peer and place of the setting.

        Returns:
            One a seed.
        """
        return [run.outcomes[entry] for run in self.runs]

    def entry_id(self, entry: Entry) -> str:
        """Name of a setting for machines.

        Args:
            entry: Peer and place of the setting.

        Returns:
            The peer's key, with the place if the peer has several settings.
        """
        key, place = entry
        return key if len(PEERS[key].settings) == 1 else f"{key}-{place}"


def compare_with_peers(
    task: TableTask,
    config: CompareConfig,
    *,
    workers: int | None = None,
    on_seed: Callable[[], None] = lambda: None,
    checkpoints: Checkpoints | None = None,
) -> PeerComparison:
    """Run our method and every peer on every seed, the seeds in parallel.

    Args:
        task: The table.
        config: Peers, seeds and budgets.
        workers: Number of processes; as many as there are processors and seeds if unset.
        on_seed: Called after each seed, for a progress bar.
        checkpoints: Where finished recipes and peers of each seed are kept.

    Returns:
        The outcomes.
    """
    groups = task_groups(task, config.minimum_group_size)
    one_seed = partial(
        run_peers,
        task.without_extractor,
        groups,
        config.widths,
        config.backbone,
        config.peers,
        config.settings,
        config.recipes,
        checkpoints=checkpoints,
    )
    start = perf_counter()
    runs = run_seeds(one_seed, config.all_seeds, workers=workers, on_seed=on_seed)
    return PeerComparison(config, task, groups, tuple(runs), perf_counter() - start)
