"""One seed of the comparison with peers: the same rows and the same backbone for everybody."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from fairfactor.checkpoints import Checkpoints
from fairfactor.data.task import TableTask
from fairfactor.errors import FairfactorWarning
from fairfactor.fairness import METRICS
from fairfactor.groups import Groups
from fairfactor.mitigation import Constraint, OperatingPoint, Selection, tune
from fairfactor.part import Part
from fairfactor.peers import PEERS
from fairfactor.problem import Problem, count_classes, predict_classes
from fairfactor.protocol import Backbone, make_problem
from fairfactor.stored_values import load_value, save_value
from fairfactor.studies.tuning import remembered_points

GAPS = {
    "demographic_parity": "demographic_parity_difference",
    "equalized_odds": "equalized_odds_difference_worst_case",
}
"""The two gaps of the comparison, by the names that constraints use."""

BOUNDS = (
    *(0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04),
    *(0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3),
)
"""Bounds at which our frontier is shown."""

PRICE_AT_EQUAL_GAPS = 1.0
"""In a comparison at equal gaps a point of gap beyond the other's counts like one of error."""

Entry = tuple[str, int]
"""A peer's key and the place of one of its settings."""


@dataclass(frozen=True)
class Choice:
    """Our point for one bound, chosen without test rows.

    Attributes:
        met: Whether training and validation rows keep the bound.
        recipe: Name of the recipe.
        trained_parameters: Number of trained parameters.
        test: Every metric on test rows.
    """

    met: bool
    recipe: str
    trained_parameters: int
    test: dict[str, float]


@dataclass(frozen=True)
class PeerOutcome:
    """One setting of one peer.

    Attributes:
        validation: Every metric on validation rows.
        test: Every metric on test rows.
        trained_parameters: Number of trained parameters, where that means something.
        seconds: Time of the fit.
        ours: For each gap of the peer's target that is defined on validation rows, our answer to
            the gap that the peer has there.
    """

    validation: dict[str, float]
    test: dict[str, float]
    trained_parameters: int | None
    seconds: float
    ours: dict[str, Choice]


@dataclass(frozen=True, eq=False)
class PeerRun:
    """Everything that one seed gave.

    Attributes:
        seed: The seed.
        gaps: Why a peer has no outcome, by its key.
        outcomes: By key and place of the setting.
        frontier: Our choice for each gap and bound.
        group_sizes: Rows of each group in each part of the split.
        features: Names of the inputs of the network.
        seconds: Seconds of pre-training, of our tuning, and of all peers; of what an earlier
            attempt had finished, those of the peers alone.
    """

    seed: int
    gaps: dict[str, str]
    outcomes: dict[Entry, PeerOutcome]
    frontier: dict[tuple[str, float], Choice]
    group_sizes: dict[str, NDArray[np.int64]]
    features: tuple[str, ...]
    seconds: dict[str, float]


def run_peers(
    task: TableTask,
    groups: Groups,
    hidden: Sequence[int],
    backbone: Backbone,
    peers: Sequence[str],
    settings: int,
    recipes: Sequence[str],
    seed: int,
    checkpoints: Checkpoints | None = None,
) -> PeerRun:
    """Run our method and every peer on one seed.

    Args:
        task: The table.
        groups: Group of each row.
        hidden: Widths of the hidden layers of the backbone.
        backbone: What the backbone is.
        peers: Keys in `fairfactor.peers.PEERS`.
        settings: How many settings of each tunable peer are tried.
        recipes: Our recipes.
        seed: Seed of the split, the initial weights and everything random.
        checkpoints: Where finished recipes and peers are kept, and the whole seed once it is done.

    Returns:
        Every outcome.
    """
    kept = (checkpoints or Checkpoints()).within(f"seed-{seed}")
    # Another name for each set of missing packages: they may be installed before a resumption.
    absent = [key for key in peers if PEERS[key].install_command]
    run: PeerRun = kept.once(
        "-without-".join(["finished", *absent]),
        partial(
            _run_seed,
            partial(make_problem, task, hidden=hidden, groups=groups, backbone=backbone),
            peers,
            settings,
            recipes,
            seed,
            kept,
        ),
        save_value,
        partial(load_value, kinds=(PeerRun, PeerOutcome, Choice)),
    )
    return run


def _run_seed(
    make: Callable[..., Problem],
    peers: Sequence[str],
    settings: int,
    recipes: Sequence[str],
    seed: int,
    kept: Checkpoints,
) -> PeerRun:
    """Do what `run_peers` says, but for recipes and peers that are kept already."""
    problem = make(seed=seed)
    start = perf_counter()
    ours = _Ours(problem, recipes, seed, kept)
    seconds = {"pretraining": problem.seconds, "ours": perf_counter() - start}
    missing, outcomes = {}, {}
    for key in peers:
        reason = PEERS[key].gap(problem)
        if reason:
            missing[key] = reason
            continue
        for place in tried_settings(key, settings):
            outcomes[key, place] = kept.once(
                f"{key}-{place}",
                partial(_run_peer, problem, ours, key, place),
                save_value,
                partial(load_value, kinds=(PeerOutcome, Choice)),
            )
    seconds["peers"] = sum(outcome.seconds for outcome in outcomes.values())
    parts = {"train": problem.train, "validation": problem.validation, "test": problem.test}
    return PeerRun(
        seed=seed,
        gaps=missing,
        outcomes=outcomes,
        frontier={(gap, bound): ours.choose(gap, bound) for gap in GAPS for bound in BOUNDS},
        group_sizes={
            name: Groups(part.groups.numpy(), problem.group_names).counts
            for name, part in parts.items()
        },
        features=problem.feature_names,
        seconds=seconds,
    )


def tried_settings(key: str, settings: int) -> list[int]:
    """Places of the settings of a peer that are tried, evenly from the weakest to the strongest.

    Args:
        key: Key of the peer.
        settings: How many at the most.

    Returns:
        Places in its tuple of settings.
    """
    last = len(PEERS[key].settings) - 1
    return sorted(set(np.linspace(last, 0, settings).round().astype(int).tolist()))


class _Ours:
    """Our frontier on one problem; each chosen point is tested once."""

    def __init__(
        self,
        problem: Problem,
        recipes: Sequence[str],
        seed: int,
        checkpoints: Checkpoints,
    ) -> None:
        self.problem = problem
        remember = remembered_points(checkpoints, problem)
        self.frontier = tune(problem, recipes=recipes, seed=seed, remember=remember).frontier
        self.tested: dict[OperatingPoint, dict[str, float]] = {}

    def choose(self, gap: str, bound: float) -> Choice:
        """Our point for a bound."""
        limit = Constraint(gap, min(bound, 1.0))
        return self._tested(self.frontier.weigh([limit], price=PRICE_AT_EQUAL_GAPS))

    def answer(self, gap: str, bound: float, accuracy: float) -> Choice:
        """Our point for a peer's, by the rule that `fairfactor.studies.duels` states."""
        if not self.frontier.keeps_most_worth(accuracy):
            limit, floor = Constraint(gap, min(bound, 1.0)), Constraint("accuracy", accuracy)
            anything = self.frontier.select([limit], constant=True)
            if anything.met and floor.is_met(anything.point.validation):
                return self._tested(anything)
        return self.choose(gap, bound)

    def _tested(self, selection: Selection) -> Choice:
        point = selection.point
        if point not in self.tested:
            classes = predict_classes(point.decide, self.problem.test.inputs)
            self.tested[point] = measure(self.problem, self.problem.test, classes)
        return Choice(selection.met, point.recipe, point.trained_parameters, self.tested[point])


def measure(problem: Problem, part: Part, classes: NDArray[np.int64]) -> dict[str, float]:
    """Every metric of some predictions.

    Args:
        problem: The problem.
        part: The rows.
        classes: Predicted class codes.

    Returns:
        By the explicit name of each metric.
    """
    counts = count_classes(problem, part, classes)
    return {name: float(metric(counts)) for name, metric in METRICS.items()}


def _run_peer(problem: Problem, ours: _Ours, key: str, place: int) -> PeerOutcome:
    """Fit one setting of a peer, and find our answer to it."""
    peer = PEERS[key]
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other packages' warnings, which are not ours to mend
        warnings.simplefilter("default", FairfactorWarning)
        with torch.random.fork_rng():
            result = peer.fit(problem, peer.settings[place])
    seconds = perf_counter() - start
    validation = measure(problem, problem.validation, result.validation)
    targets: Mapping[str, str] = {peer.target: GAPS[peer.target]} if peer.target in GAPS else GAPS
    return PeerOutcome(
        validation=validation,
        test=measure(problem, problem.test, result.test),
        trained_parameters=result.trained_parameters,
        seconds=seconds,
        ours={
            gap: ours.answer(gap, validation[metric], validation["accuracy"])
            for gap, metric in targets.items()
            if math.isfinite(validation[metric])
        },
    )
