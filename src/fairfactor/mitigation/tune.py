"""From what a user needs to the most accurate network that meets it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from fairfactor.errors import ArgumentError
from fairfactor.fairness import ConfusionCounts
from fairfactor.mitigation.cell_model import cell_probabilities
from fairfactor.mitigation.constraint import Constraint
from fairfactor.mitigation.decisions import count_decisions, known_group
from fairfactor.mitigation.frontier import Evidence, Frontier, Selection
from fairfactor.mitigation.operating_point import OperatingPoint
from fairfactor.mitigation.rates import Array, RateFamily, joined, rate_family
from fairfactor.mitigation.recipe import FittedCells, Recipe, TuningProblem, TuningRows
from fairfactor.mitigation.recipes import CONSTANT, DEFAULT, RECIPES, applicable
from fairfactor.mitigation.search import PartName, Rules, explore

Progress = Callable[[str, float], None]
"""Called with what is being done and which share of the recipes is finished."""

Remember = Callable[[str, Callable[[], list[OperatingPoint]]], list[OperatingPoint]]
"""From the name of some work and the work itself to its points, new or from an earlier attempt."""

_UNCONSTRAINED = frozenset({"accuracy", "error_rate"})


@dataclass(frozen=True, eq=False)
class Tuned:
    """What tuning found.

    Attributes:
        frontier: All points that were tried, for other constraints.
        chosen: The most accurate point that meets the constraints, or the nearest.
        met: Whether it meets them.
        message: What was found, in a sentence.
    """

    frontier: Frontier
    chosen: OperatingPoint
    met: bool
    message: str


def tune(
    problem: TuningProblem,
    *,
    constraints: Sequence[Constraint | str] = (),
    recipes: Sequence[str] = DEFAULT,
    confidence: float | None = None,
    evidence: Evidence = "train_and_validation",
    minimize: str = "error_rate",
    groups_at_prediction: bool = False,
    seed: int = 0,
    on_progress: Progress | None = None,
    remember: Remember = lambda _name, compute: compute(),
) -> Tuned:
    """Find the most accurate network that meets the constraints on validation rows.

    Args:
        problem: The pre-trained network with training and validation rows.
        constraints: What has to hold, such as ``"equalized_odds<=0.05"``. Without any, the
            frontiers of equalised odds and demographic parity are explored.
        recipes: Names in `RECIPES`. The same decision for everyone is always tried too, as the
            point that no bound on a gap rules out; it is chosen only if there is no other, and
            rules of the other recipes that come down to it are left out.
        confidence: As in `Frontier.select`.
        evidence: As in `Frontier.select`.
        minimize: As in `Frontier.select`.
        groups_at_prediction: Whether the network may ask for the group of each row when predicting;
            its thresholds then differ between groups.
        seed: Seed of everything random.
        on_progress: Called before each recipe and at the end.
        remember: From the name of a recipe and the work on it to its points, so that finished
            recipes can be kept when work is interrupted.

    Returns:
        The frontier and the choice.

    Raises:
        ArgumentError: If there is no such recipe or constraint.
    """
    wanted = [Constraint.parse(c) if isinstance(c, str) else c for c in constraints]
    for name in recipes:
        if name not in RECIPES:
            raise ArgumentError("recipes", name, f"one of {', '.join(RECIPES)}")
    if not recipes:
        raise ArgumentError("recipes", recipes, f"one or more of {', '.join(RECIPES)}")
    recipes = [name for name in applicable(recipes, problem.backbone) if name != CONSTANT]
    families = _families(wanted, minimize, len(problem.class_names))
    points_of = partial(
        _all_points, problem, families, groups_at_prediction=groups_at_prediction, seed=seed
    )
    points: list[OperatingPoint] = []
    for index, name in enumerate(recipes):
        if on_progress:
            on_progress(RECIPES[name].label, index / len(recipes))
        found = remember(name, partial(points_of, RECIPES[name]))
        points.extend(point for point in found if not point.is_constant)
    points.extend(points_of(RECIPES[CONSTANT]))
    if on_progress:
        on_progress("Choosing", 1.0)
    frontier = Frontier(tuple(points))
    choice: Selection = frontier.select(
        wanted, confidence=confidence, evidence=evidence, minimize=minimize
    )
    return Tuned(frontier, choice.point, choice.met, choice.message)


def _all_points(
    problem: TuningProblem,
    families: Sequence[RateFamily],
    recipe: Recipe,
    *,
    groups_at_prediction: bool,
    seed: int,
) -> list[OperatingPoint]:
    """The decision rules of all models of a recipe."""
    return [
        point
        for fitted in recipe.fit(problem, seed)
        for point in operating_points(
            problem,
            recipe,
            fitted,
            families,
            groups_at_prediction=groups_at_prediction,
            seed=seed,
        )
    ]


def operating_points(
    problem: TuningProblem,
    recipe: Recipe,
    fitted: FittedCells,
    families: Sequence[RateFamily],
    *,
    groups_at_prediction: bool = False,
    seed: int,
) -> Iterator[OperatingPoint]:
    """The decision rules of one model, counted on training and validation rows.

    Args:
        problem: The rows.
        recipe: Where the model comes from.
        fitted: The model. One without a view on groups has one rule, the most probable class.
        families: Rates to balance, one search for each.
        groups_at_prediction: Whether rules know the group of each row.
        seed: Seed of the search.

    Yields:
        The points.
    """
    knows_groups = groups_at_prediction and fitted.model.n_groups > 1
    rows: dict[PartName, TuningRows] = {"train": problem.train, "validation": problem.validation}
    cells = {name: cell_probabilities(fitted.model, part.inputs) for name, part in rows.items()}
    if knows_groups:
        cells = {name: known_group(cells[name], part.groups) for name, part in rows.items()}
    n_classes, names = len(problem.class_names), problem.group_names
    if fitted.model.n_groups == 1:
        weights = np.eye(n_classes)[None, :, :, None]
        counts: dict[PartName, ConfusionCounts] = {
            name: count_decisions(cells[name], weights, part.labels, part.groups, names)
            for name, part in rows.items()
        }
        explored = [Rules(weights, counts)]
    else:
        prior = cell_prior(problem.train, n_classes, len(names))
        explored = [explore(cells, rows, prior, family, names, seed=seed) for family in families]
    for rules in explored:
        for index, rule in enumerate(rules.weights):
            yield OperatingPoint(
                recipe=recipe.name,
                setting=fitted.setting,
                train=_one(rules.counts["train"], index),
                validation=_one(rules.counts["validation"], index),
                trained_parameters=fitted.trained_parameters,
                groups_at_prediction=knows_groups,
                cell_model=fitted.model,
                weights=rule,
            )


def cell_prior(rows: TuningRows, n_classes: int, n_groups: int) -> Array:
    """Shares of the cells among the rows with a group.

    Args:
        rows: The rows.
        n_classes: Number of classes.
        n_groups: Number of groups.

    Returns:
        P(y, s), shape (classes, groups).
    """
    included = rows.groups >= 0
    cells = rows.labels[included] * n_groups + rows.groups[included]
    counts = torch.bincount(cells, minlength=n_classes * n_groups).double()
    return (counts / counts.sum()).reshape(n_classes, n_groups).numpy()


def _families(constraints: Sequence[Constraint], minimize: str, n_classes: int) -> list[RateFamily]:
    """The searches that the constraints call for: one for each notion, and one for all of them."""
    named = [*(c.metric for c in constraints), minimize]
    asked = [name for name in dict.fromkeys(named) if name not in _UNCONSTRAINED]
    notions = dict.fromkeys(_SAME_RATES.get(name, name) for name in asked or _EXPLORED)
    families = [rate_family(name, n_classes) for name in notions]
    compared = [family for family in families if not family.is_floor]
    if asked and len(compared) > 1:
        families.append(joined(compared))
    return families


_EXPLORED = ("equalized_odds", "demographic_parity")
_SAME_RATES = {
    "equalized_odds_mean": "equalized_odds",
    "equalized_odds_sum": "equalized_odds",
    "worst_group_error": "worst_group_accuracy",
}


def _one(counts: ConfusionCounts, index: int) -> ConfusionCounts:
    return ConfusionCounts(counts.cells[index], counts.group_names)
