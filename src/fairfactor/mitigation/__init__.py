"""Mitigation that holds: state what is needed, get the most accurate network that meets it."""

from fairfactor.mitigation.constraint import Constraint
from fairfactor.mitigation.fair_model import FairModel, load_fair_model, save_fair_model
from fairfactor.mitigation.frontier import Frontier, Selection
from fairfactor.mitigation.operating_point import OperatingPoint
from fairfactor.mitigation.recipe import Recipe, TuningProblem
from fairfactor.mitigation.recipes import DEFAULT, RECIPES
from fairfactor.mitigation.tune import Tuned, tune

__all__ = [
    "DEFAULT",
    "RECIPES",
    "Constraint",
    "FairModel",
    "Frontier",
    "OperatingPoint",
    "Recipe",
    "Selection",
    "Tuned",
    "TuningProblem",
    "load_fair_model",
    "save_fair_model",
    "tune",
]
