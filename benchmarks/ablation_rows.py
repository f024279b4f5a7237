"""Which means of mitigation the ablation takes apart: the models to fit, and the rows of the table.

A row is a set of operating points, from which the choice under a bound is made as `fairfactor tune`
makes it. Pieces are fitted once a seed and shared by rows.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial

from fairfactor.mitigation import RECIPES, OperatingPoint, TuningProblem
from fairfactor.mitigation.bias_aware import BiasAwareConfig, fit_bias_aware
from fairfactor.mitigation.cell_model import ClassNetwork, ComposedCells
from fairfactor.mitigation.cell_training import CellTrainingConfig, tuned_factor_network
from fairfactor.mitigation.factor_objectives import class_factors
from fairfactor.mitigation.layer_factors import FactorConfig
from fairfactor.mitigation.low_rank_cells import FactorNetwork, LowRankCells
from fairfactor.mitigation.recipe import Fit, FittedCells
from fairfactor.mitigation.recipes import fit_factor_penalty, fit_factor_weights
from fairfactor.surgery import count_parameters

Keep = Callable[[OperatingPoint], bool]

EPOCHS = 15
"""Epochs of the tuned factors where only their start, inputs or rank differ; the default has 40."""
RULE_STRENGTHS = (0.5, 8.0)
"""Strengths of the penalty on all factors after which a Bayes rule is tried."""


def unmitigated(problem: TuningProblem, _seed: int) -> Iterator[FittedCells]:
    network = copy.deepcopy(problem.backbone)
    yield FittedCells(ClassNetwork(network, len(problem.class_names)), {}, 0)


def tuned_factors(
    problem: TuningProblem, seed: int, *, config: CellTrainingConfig
) -> Iterator[FittedCells]:
    """The tuned factors with their own view on groups, and with that of the late features."""
    network = tuned_factor_network(problem, seed=seed, config=config)
    trained = count_parameters(network).total
    tuned = LowRankCells(network)
    yield FittedCells(tuned, {"groups_from": "factors"}, trained)
    yield _with_late_view(problem, tuned, {"share_of_factors": 0.0}, trained)


@cache
def class_start(problem: TuningProblem, seed: int) -> FactorNetwork:
    return class_factors(problem, seed=seed)


def factor_penalty(problem: TuningProblem, seed: int) -> Iterator[FittedCells]:
    """Every network of the recipe; some with the late features' view too, for a Bayes rule."""
    for fitted in fit_factor_penalty(problem, seed, start=class_start(problem, seed)):
        yield fitted
        if fitted.setting["strength"] in RULE_STRENGTHS:
            setting = {**fitted.setting, "groups_from": "late features"}
            yield _with_late_view(problem, fitted.model, setting, fitted.trained_parameters)


def factor_weights(problem: TuningProblem, seed: int) -> Iterator[FittedCells]:
    return fit_factor_weights(problem, seed, start=class_start(problem, seed))


def _with_late_view(problem, class_model, setting, trained) -> FittedCells:
    [late] = RECIPES["late-features"].fit(problem, 0)
    composed = ComposedCells(class_model, late.model, 0.0)
    return FittedCells(composed, setting, trained + late.trained_parameters)


def _factors(**changes: object) -> Fit:
    config = CellTrainingConfig(epochs=EPOCHS)
    return partial(tuned_factors, config=replace(config, **changes))


def _start(metric: str) -> Fit:
    return _factors(factors=FactorConfig(metric=metric))


PIECES: dict[str, Fit] = {
    "unmitigated": unmitigated,
    **{name: RECIPES[name].fit for name in ("late-features", "input-features", "low-rank")},
    "activations": _factors(),
    "plain": _start("plain"),
    "neutralized": _start("neutralized"),
    "full_neutralized": _start("full_neutralized"),
    "no thresholds": _factors(thresholds=0),
    "rank 2": _factors(factors=FactorConfig(rank=2)),
    "rank 20": _factors(factors=FactorConfig(rank=20)),
    "gap-penalty": RECIPES["gap-penalty"].fit,
    "factor-penalty": factor_penalty,
    "group-weights": RECIPES["group-weights"].fit,
    "factor-weights": factor_weights,
    **{
        f"bias-aware {layers} {training}": partial(
            fit_bias_aware,
            config=BiasAwareConfig(layers, training, rank=4 if layers == "last" else 9),
        )
        for layers in ("last", "all")
        for training in ("none", "locked", "free")
    },
}
GROUP_KNOWN = ("late-features", "input-features")
"""Pieces whose rules are also counted with the group of each row known."""


def everything(_point: OperatingPoint) -> bool:
    return True


def _setting(**wanted: object) -> Keep:
    return lambda point: all(point.setting.get(k) == v for k, v in wanted.items())


def _own(point: OperatingPoint) -> bool:
    return point.setting.get("groups_from") == "factors"


def _without_rule(point: OperatingPoint) -> bool:
    return point.cell_model.n_groups == 1


@dataclass(frozen=True)
class Row:
    """A row of the table: points of some pieces.

    Attributes:
        name: What a reader sees.
        pieces: Where the points come from.
        keep: Which of them.
        group_known: Whether the points are those that ask for the group.
    """

    name: str
    pieces: tuple[str, ...]
    keep: Keep = field(default=everything, repr=False)
    group_known: bool = False


@dataclass(frozen=True)
class Axis:
    """Rows that differ in one means; the first is what the others are compared with."""

    name: str
    question: str
    rows: tuple[Row, ...]


_DEFAULT = Row("all three, the default", ("late-features", "input-features", "low-rank"))
_REFERENCE = Row("activations (default)", ("activations",))
_BEFORE = Row("unmitigated network", ("unmitigated",))

AXES = (
    Axis(
        "Bayes rule, by its view on groups",
        "Where does the rule take what it knows about the group from?",
        (
            _DEFAULT,
            _BEFORE,
            Row("late features of the frozen network", ("late-features",)),
            Row("inputs", ("input-features",)),
            Row("tuned factors", ("low-rank",), _own),
            Row(
                "class from tuned factors, group from late features",
                ("low-rank",),
                _setting(share_of_factors=0.0),
            ),
            Row("late features or inputs", GROUP_KNOWN),
            Row("the group itself (asked for at prediction)", GROUP_KNOWN, group_known=True),
        ),
    ),
    Axis(
        "Start of the tuned factors",
        "Does the weighting of the factorisation matter after tuning?",
        (
            _REFERENCE,
            Row("plain SVD", ("plain",)),
            Row("neutralised (the paper)", ("neutralized",)),
            Row("full neutralised", ("full_neutralized",)),
        ),
    ),
    Axis(
        "Threshold features",
        "What do the steps of the numeric inputs add?",
        (replace(_REFERENCE, name="with (default)"), Row("without", ("no thresholds",))),
    ),
    Axis(
        "Rank of the tuned factors",
        "What does the low rank cost, or bring?",
        (
            replace(_REFERENCE, name="9 (default)"),
            Row("2", ("rank 2",)),
            Row("20", ("rank 20",)),
        ),
    ),
    Axis(
        "Gap penalty",
        "What does a penalty on the gaps do, in the last layer and in all factors?",
        (
            _DEFAULT,
            Row("last layer", ("gap-penalty",)),
            Row("all low-rank factors", ("factor-penalty",), _without_rule),
            Row("all low-rank factors, then a Bayes rule", ("factor-penalty",)),
            Row("the default and all of that", (*_DEFAULT.pieces, "factor-penalty")),
        ),
    ),
    Axis(
        "Group weights",
        "What do group-balanced and worst-group weights do?",
        (
            _BEFORE,
            Row(
                "last layer, groups alike",
                ("group-weights",),
                _setting(weighed="groups", sharpness=0.0),
            ),
            Row("last layer, worst group", ("group-weights",), _setting(weighed="groups")),
            Row(
                "last layer, cells alike",
                ("group-weights",),
                _setting(weighed="cells", sharpness=0.0),
            ),
            Row("last layer, worst cell", ("group-weights",), _setting(weighed="cells")),
            Row(
                "all factors, groups alike",
                ("factor-weights",),
                _setting(weighed="groups", step=0.0),
            ),
            Row("all factors, worst group", ("factor-weights",), _setting(weighed="groups")),
            Row(
                "all factors, cells alike", ("factor-weights",), _setting(weighed="cells", step=0.0)
            ),
            Row("all factors, worst cell", ("factor-weights",), _setting(weighed="cells")),
        ),
    ),
    Axis(
        "Bias-aware factorisation",
        "How much of λ‖T Δ‖² is left after tuning, at one layer and at all, locked or not?",
        (
            _BEFORE,
            Row("last hidden layer, not tuned", ("bias-aware last none",)),
            Row("last hidden layer, locked", ("bias-aware last locked",)),
            Row("last hidden layer, free", ("bias-aware last free",)),
            Row("all hidden layers, not tuned", ("bias-aware all none",)),
            Row("all hidden layers, locked", ("bias-aware all locked",)),
            Row("all hidden layers, free", ("bias-aware all free",)),
        ),
    ),
)
