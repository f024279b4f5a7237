"""From a constraint to a model on one table: tune on training and validation rows, test once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from fairfactor.checkpoints import Checkpoints
from fairfactor.data.task import TableTask
from fairfactor.groups import Groups
from fairfactor.mitigation import (
    DEFAULT,
    Constraint,
    OperatingPoint,
    Tuned,
    tune,
)
from fairfactor.mitigation.point_store import load_points, save_points
from fairfactor.mitigation.tune import Remember
from fairfactor.problem import Problem
from fairfactor.protocol import HIDDEN, Backbone, make_problem
from fairfactor.starting_model import StartingModel
from fairfactor.studies.parallel import one_thread
from fairfactor.studies.task_groups import task_groups


@dataclass(frozen=True, eq=False)
class Tuning:
    """A finished tuning.

    Attributes:
        task: The table and the parts of its columns.
        groups: Group of each row.
        problem: The parts of the split and the pre-trained network.
        constraints: What was asked for.
        confidence: How sure each constraint had to be on validation rows.
        tuned: All operating points and the choice among them.
        seconds: Seconds of each part of the work.
    """

    task: TableTask
    groups: Groups
    problem: Problem
    constraints: tuple[Constraint, ...]
    confidence: float | None
    tuned: Tuned
    seconds: dict[str, float]

    @property
    def keeps_backbone(self) -> bool:
        """Whether another run can start from the network alone."""
        return self.problem.is_plain and self.task.extractor is None


def remembered_points(checkpoints: Checkpoints, problem: Problem) -> Remember:
    """Keep the points of each finished recipe.

    Args:
        checkpoints: Where.
        problem: What is tuned.

    Returns:
        For `fairfactor.mitigation.tune`.
    """

    def remember(name: str, compute: Callable[[], list[OperatingPoint]]) -> list[OperatingPoint]:
        load = partial(load_points, backbone=problem.backbone)
        return checkpoints.once(f"recipe-{name}", compute, save_points, load)

    return remember


def run_tuning(
    task: TableTask,
    constraints: Sequence[str],
    *,
    confidence: float | None = None,
    recipes: Sequence[str] = DEFAULT,
    groups_at_prediction: bool = False,
    hidden: Sequence[int] = HIDDEN,
    start: StartingModel | None = None,
    backbone: Backbone = "network",
    minimum_group_size: int = 0,
    seed: int = 0,
    on_progress: Callable[[str, float], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> Tuning:
    """Pre-train a network on a table and find the most accurate point that meets the constraints.

    Args:
        task: The table.
        constraints: Texts such as ``"equalized_odds<=0.05"``.
        confidence: Share of bootstrap samples of the validation rows that must keep each bound;
            ``None`` asks for the estimate alone.
        recipes: Names in `fairfactor.mitigation.RECIPES`.
        groups_at_prediction: Whether the model may ask for the group of each row.
        hidden: Widths of the hidden layers of the network.
        start: The pre-trained network to start from, in place of a new one.
        backbone: What the backbone is.
        minimum_group_size: Groups with fewer rows are merged into one.
        seed: Seed of the split, the initial weights and everything random.
        on_progress: Called with what is being done and the share that is finished.
        checkpoints: Where finished recipes are kept.

    Returns:
        The finished tuning.
    """
    wanted = tuple(Constraint.parse(text) for text in constraints)
    groups = task_groups(task, minimum_group_size)
    began = perf_counter()
    if on_progress:
        on_progress("Pre-training", 0.0)
    with one_thread():
        problem = make_problem(
            task, seed=seed, hidden=hidden, groups=groups, start=start, backbone=backbone
        )
        prepared = perf_counter()
        tuned = tune(
            problem,
            constraints=wanted,
            recipes=recipes,
            confidence=confidence,
            groups_at_prediction=groups_at_prediction,
            seed=seed,
            on_progress=on_progress,
            remember=remembered_points(checkpoints or Checkpoints(), problem),
        )
    end = perf_counter()
    seconds = {"pretraining": prepared - began, "tuning": end - prepared, "total": end - began}
    return Tuning(task, groups, problem, wanted, confidence, tuned, seconds)
