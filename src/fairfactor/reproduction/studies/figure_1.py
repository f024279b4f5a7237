"""Figure 1: representations of those who are predicted positive, by group."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fairfactor.features import layer_inputs
from fairfactor.finetuning import finetune
from fairfactor.intervals import mean_interval
from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.fair_training import fair_pretrained
from fairfactor.reproduction.measure import measure, predicted_classes, quietly_fitted
from fairfactor.reproduction.outcome import Report, Row
from fairfactor.reproduction.problems import prepare_model, prepared, problem
from fairfactor.reproduction.study import Study

SEPARATED = 0.7
"""Area under the curve from which two clouds are called visibly separated: two normal clouds three
quarters of a standard deviation apart. Stated before anything was run; the paper has no number."""
BINS = 12
SMALLEST_BIN = 5
"""Fewer people than this in a cell of a picture are not shown."""
PRETRAINED = {"biased": "pre-trained without a constraint", "fair": "pre-trained with DP 0.5"}
TUNED = {
    "before": "before fine-tuning",
    "whole": "whole network tuned",
    "neutralized": "the paper's method, rank 2",
}
COLUMNS = {
    "separation": "Separation (area under the curve)",
    "demographic_parity_difference": "ΔDP",
}


def _configurations() -> list[Configuration]:
    return [{"pretrained": start, "tuned": tuned} for start in PRETRAINED for tuned in TUNED]


def _run(configuration: Configuration, seed: int) -> Result:
    rows = problem("adult", seed)
    model: nn.Module = (
        prepared("adult", "mlp-2", seed).model
        if configuration["pretrained"] == "biased"
        else fair_pretrained("soft_gap", "demographic_parity", 0.5, seed)
    )
    if configuration["tuned"] == "whole":
        model = copy.deepcopy(model).requires_grad_()
        train, validation = rows.rows["train"], rows.rows["validation"]
        finetune(
            model,
            (train.inputs, train.targets),
            (validation.inputs, validation.targets),
            config=rows.finetuning,
            seed=seed,
        )
    elif configuration["tuned"] == "neutralized":
        start = prepare_model(model, rows)
        model = quietly_fitted(start, rows, "neutralized", 2, seed).model
    test = rows.rows["test"]
    positive = predicted_classes(model, test.inputs) == 1
    metrics = measure(model, test, rows.group_names)
    plane, groups = _plane(model, test.inputs[positive]), test.groups[positive].numpy()
    return {
        "metrics": {
            "separation": separation(plane, groups),
            "demographic_parity_difference": metrics["demographic_parity_difference"],
        },
        "density": density(plane, groups, rows.group_names),
    }


def separation(plane: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """How well a line through the plane tells two groups apart: area under the curve.

    A logistic regression is fitted on one half of the points and judged on the other, both ways.

    Args:
        plane: Coordinates, (points × 2).
        groups: Codes 0 and 1, (points,).

    Returns:
        0.5 for none, 1 for complete separation; NaN if a half has fewer than ten of a group.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    halves = np.arange(len(groups)) % 2 == 0
    areas = []
    for fitted, judged in ((halves, ~halves), (~halves, halves)):
        if min(np.bincount(groups[rows], minlength=2).min() for rows in (fitted, judged)) < 10:
            return float("nan")
        model = LogisticRegression().fit(plane[fitted], groups[fitted])
        areas.append(roc_auc_score(groups[judged], model.decision_function(plane[judged])))
    return float(np.mean(areas))


def density(
    plane: NDArray[np.float64], groups: NDArray[np.int64], names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Shares of each group's people in the cells of a grid over the plane, never single people.

    Args:
        plane: Coordinates, (points × 2).
        groups: Group codes, (points,).
        names: Name of each group.

    Returns:
        Name and grid of each group; cells of fewer than `SMALLEST_BIN` people are 0.
    """
    low, high = np.quantile(plane, (0.05, 0.95), axis=0) if len(plane) else (np.zeros(2),) * 2
    edges = [np.linspace(low[axis], high[axis] + 1e-9, BINS + 1) for axis in (0, 1)]
    grids = []
    for code, name in enumerate(names):
        own = plane[groups == code]
        counts, *_ = np.histogram2d(own[:, 0], own[:, 1], bins=edges)
        counts[counts < SMALLEST_BIN] = 0
        shares = counts / max(1, len(own))
        grids.append({"name": name, "grid": np.round(shares, 4).T.tolist()})
    return grids


def _plane(model: nn.Module, inputs: Tensor) -> NDArray[np.float64]:
    """The first two principal components of the inputs of the last layer."""
    if len(inputs) < 3:
        return np.zeros((len(inputs), 2))
    last = "head.down" if hasattr(model.get_submodule("head"), "down") else "head"
    features = layer_inputs(model, last, inputs).to(torch.float64)
    centred = features - features.mean(dim=0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    plane: NDArray[np.float64] = (centred @ directions[:2].T).numpy()
    return plane


def _report(cells: Cells) -> Report:
    rows = {
        (start, tuned): Row.of(
            f"{label}, {tuned_label}",
            cells.one(pretrained=start, tuned=tuned),
            metrics=tuple(COLUMNS),
        )
        for start, label in PRETRAINED.items()
        for tuned, tuned_label in TUNED.items()
    }
    findings = [_finding(row) for (_, tuned), row in rows.items() if tuned == "whole"]
    first = {
        f"{PRETRAINED[start]}, {TUNED[tuned]}": cells.one(pretrained=start, tuned=tuned)[0]
        for start in PRETRAINED
        for tuned in ("whole",)
    }
    return Report(
        list(rows.values()),
        columns=COLUMNS,
        findings=findings,
        pictures={
            "figure-1": {
                "kind": "density",
                "title": "Where people who are predicted positive lie, by group (first seed)",
                "panels": [
                    {"name": name, "groups": result["density"]} for name, result in first.items()
                ],
            }
        },
    )


def _finding(row: Row) -> str:
    defined = [value for value in row.values["separation"] if value == value]
    if not defined:
        return f"Network {row.label}: too few people are predicted positive to tell."
    interval = mean_interval(defined)
    if interval.low > SEPARATED:
        verdict = "so the groups are visibly separated, as in the paper's picture"
    elif interval.high < SEPARATED:
        verdict = "so the groups are not visibly separated, unlike in the paper's picture"
    else:
        verdict = "so it cannot be decided"
    return (
        f"Network {row.label}: in the plane of the first two principal components the groups have "
        f"an area under the curve of {interval.mean:.3f} ({interval.low:.3f} to "
        f"{interval.high:.3f}); visibly separated means above {SEPARATED}, {verdict}."
    )


STUDY = Study(
    name="figure-1",
    title="Figure 1: representations by group",
    question="Are women and men who are predicted positive visibly separated in the representation "
    "(two principal components) after fine-tuning, even if the network was fair before? The paper "
    "shows two pictures and no number; ours is the area under the curve of a line in that plane, "
    f"and separated means above {SEPARATED}.",
    configurations=_configurations,
    run=_run,
    report=_report,
    rooms=("reproduction/fair_training.py",),
)
