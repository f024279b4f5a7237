"""What a cell measures: a fitted model on test rows, as JSON values."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from fairfactor.errors import FairfactorWarning
from fairfactor.fairness import METRICS
from fairfactor.methods import METHODS
from fairfactor.pipeline import Fitted, Prepared, Rows, fit, predict_probabilities
from fairfactor.reproduction.cells import Configuration, Result
from fairfactor.reproduction.problem import Problem
from fairfactor.reproduction.problems import prepared, problem
from fairfactor.studies.seed_run import count_predictions

MEASURED = (
    "paper_error",
    "demographic_parity_difference",
    "equalized_odds_difference_sum",
    "equalized_odds_difference_worst_case",
    "accuracy",
    "worst_group_accuracy",
)


def measure(model: nn.Module, rows: Rows, group_names: tuple[str, ...]) -> dict[str, float]:
    """The metrics of a model.

    Args:
        model: From inputs to logits.
        rows: Rows to predict.
        group_names: Name of each group code.

    Returns:
        `MEASURED`.
    """
    counts = count_predictions(model, rows, group_names)
    return {name: float(METRICS[name](counts)) for name in MEASURED}


def predicted_classes(model: nn.Module, inputs: Tensor) -> Tensor:
    """The most probable class of each row.

    Args:
        model: From inputs to logits.
        inputs: The rows.

    Returns:
        Class codes, (rows,).
    """
    return predict_probabilities(model, inputs).argmax(dim=1)


def changed_share(first: nn.Module, second: nn.Module, inputs: Tensor) -> float:
    """Share of rows for which two models predict another class.

    Args:
        first: One model.
        second: The other.
        inputs: The rows.

    Returns:
        A share.
    """
    different = predicted_classes(first, inputs) != predicted_classes(second, inputs)
    return float(different.to(torch.float64).mean())


def quietly_fitted(
    start: Prepared,
    rows: Problem,
    method: str,
    rank: int | None,
    seed: int,
    alpha: float | None = None,
) -> Fitted:
    """Boxes 2 to 5 without the warnings of single fits, which the studies say once.

    Args:
        start: The pre-trained network.
        rows: Its problem, which has the budget.
        method: Name of the method.
        rank: Its rank, if it factorises.
        seed: Seed of the order of the rows.
        alpha: Weight of the first group.

    Returns:
        The tuned model.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairfactorWarning)
        return fit(start, method, rank, alpha=alpha, config=rows.finetuning, seed=seed)


def measure_method(
    start: Prepared,
    rows: Problem,
    method: str,
    rank: int | None,
    seed: int,
    alpha: float | None = None,
) -> Result:
    """Fit one method and measure it on the test rows.

    Args:
        start: The pre-trained network.
        rows: Its problem.
        method: Name of the method.
        rank: Its rank, if it factorises.
        seed: Seed of the order of the rows.
        alpha: Weight of the first group.

    Returns:
        Metrics, trained parameters and the relative change of the weight before any training.
    """
    fitted = quietly_fitted(start, rows, method, rank, seed, alpha)
    replacement = fitted.replacement
    return {
        "metrics": measure(fitted.model, rows.rows["test"], rows.group_names),
        "trained_parameters": fitted.parameters.trained if METHODS[method].trained else 0,
        "total_parameters": fitted.parameters.total,
        "change_at_start": None if replacement is None else replacement.relative_change,
    }


def run_method(configuration: Configuration, seed: int) -> Result:
    """Run a cell that is one method on a pre-trained network.

    Args:
        configuration: ``data``, ``architecture``, ``method``, ``rank``, and ``alpha`` if it is set.
        seed: The seed.

    Returns:
        What `measure_method` returns.
    """
    data, architecture = configuration["data"], configuration["architecture"]
    return measure_method(
        prepared(data, architecture, seed),
        problem(data, seed),
        configuration["method"],
        configuration["rank"],
        seed,
        alpha=configuration.get("alpha"),
    )
