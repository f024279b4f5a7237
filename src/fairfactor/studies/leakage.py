"""How well single columns give away the target, and how well they give away the group."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.data.columns import is_categorical
from fairfactor.data.task import TableTask
from fairfactor.diagnosis import Finding
from fairfactor.groups import Groups

MOST_ROWS = 20_000
"""Rows of the sample that everything here is measured on."""
NEARLY_CERTAIN = 0.99
"""Area from which a column alone as good as says what the target is."""
STRONG_PROXY = 0.95
"""Area from which a column alone as good as says what the group is."""
WEAK_PROXY = 0.6
_FOLDS = 3
_LISTED = 5


@dataclass(frozen=True)
class Strength:
    """How well a column predicts something: area under the ROC curve, 0.5 for not at all.

    Attributes:
        column: Name of the column.
        auc: Cross-validated area; for more than two values the mean over one against the rest.
    """

    column: str
    auc: float


@dataclass(frozen=True)
class Leakage:
    """What the inputs give away.

    Attributes:
        target: Each input alone, about the target, the strongest first.
        group: Each input alone, about the group, the strongest first.
        group_together: All inputs together, about the group.
        rows: Rows that this was measured on.
    """

    target: tuple[Strength, ...]
    group: tuple[Strength, ...]
    group_together: float
    rows: int


def measure_leakage(task: TableTask, groups: Groups, *, seed: int = 0) -> Leakage:
    """Measure by cross-validation on a sample how well inputs predict the target and the group.

    A column alone goes through a decision tree of at most 32 leaves, its rare categories as one;
    all together go through boosted trees.

    Args:
        task: The table.
        groups: Group of each row.
        seed: Seed of the sample and the folds.

    Returns:
        The strengths.
    """
    rows = np.flatnonzero(groups.codes >= 0)
    if len(rows) > MOST_ROWS:
        rows = np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False)
    inputs = task.inputs.iloc[rows].reset_index(drop=True)
    labels, codes = task.labels[rows], groups.codes[rows]
    return Leakage(
        target=_each_alone(inputs, labels, seed),
        group=_each_alone(inputs, codes, seed),
        group_together=_area(inputs, codes, seed, *_boosted_trees(seed)),
        rows=len(rows),
    )


def with_leakage(metrics: dict[str, Any], task: TableTask, leakage: Leakage) -> dict[str, Any]:
    """Put what was measured into the results.

    Args:
        metrics: Content of ``metrics.json``.
        task: The table.
        leakage: What was measured.

    Returns:
        The same with ``data.leakage`` and its findings, warnings first.
    """
    findings = [*metrics["findings"], *map(asdict, find_leakage(task, leakage))]
    return {
        **metrics,
        "data": {**metrics["data"], "leakage": asdict(leakage)},
        "findings": sorted(findings, key=lambda finding: finding["severity"] != "warning"),
    }


def find_leakage(task: TableTask, leakage: Leakage) -> list[Finding]:
    """Say in plain words what changes how results should be read.

    Args:
        task: The table.
        leakage: What was measured.

    Returns:
        A warning for inputs that nearly give away the target or the group, and a note of proxies.
    """
    findings = []
    sure = [one for one in leakage.target if one.auc >= NEARLY_CERTAIN]
    if sure:
        text = (
            f"{_listed(sure)}: alone it nearly determines the target {task.target!r}, as a copy or "
            "a consequence of it would. If it is not known before the decision, leave it out with "
            "--exclude."
        )
        findings.append(Finding("warning", "target-leak", text))
    sensitive = " × ".join(task.sensitive_columns)
    strong = [one for one in leakage.group if one.auc >= STRONG_PROXY]
    if strong:
        text = (
            f"{_listed(strong)}: alone it gives away {sensitive} almost perfectly, so leaving "
            f"{sensitive} out of the inputs hides it from no model."
        )
        findings.append(Finding("warning", "strong-proxy", text))
    weak = [one for one in leakage.group if WEAK_PROXY <= one.auc < STRONG_PROXY]
    alone = f"; the strongest alone: {_listed(weak)}" if weak else "; none does so alone"
    if leakage.group_together >= WEAK_PROXY:
        text = (
            f"All inputs together tell {sensitive} with an area under the ROC curve of "
            f"{leakage.group_together:.2f} (0.5 is chance){alone}."
        )
        findings.append(Finding("note", "proxies", text))
    return findings


def _listed(strengths: list[Strength]) -> str:
    more = f" and {len(strengths) - _LISTED} more" if len(strengths) > _LISTED else ""
    return ", ".join(f"{one.column} ({one.auc:.2f})" for one in strengths[:_LISTED]) + more


def _each_alone(
    inputs: pd.DataFrame, predicted: NDArray[np.int64], seed: int
) -> tuple[Strength, ...]:
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.tree import DecisionTreeClassifier

    encoder = OneHotEncoder(
        max_categories=64, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    tree = DecisionTreeClassifier(max_leaf_nodes=32, min_samples_leaf=0.01, random_state=seed)
    areas = {name: _area(inputs[[name]], predicted, seed, encoder, tree) for name in inputs.columns}
    return tuple(
        Strength(name, area) for name, area in sorted(areas.items(), key=lambda item: -item[1])
    )


def _boosted_trees(seed: int) -> tuple[Any, Any]:
    """An encoder of categories and a classifier."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return encoder, HistGradientBoostingClassifier(max_iter=50, random_state=seed)


def _area(
    inputs: pd.DataFrame,
    predicted: NDArray[np.int64],
    seed: int,
    encoder: Any,
    classifier: Any,
) -> float:
    """Cross-validated area under the ROC curve, 0.5 where there is too little to measure."""
    from sklearn.compose import make_column_transformer
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    frequent = np.isin(predicted, np.flatnonzero(np.bincount(predicted) >= 10))
    inputs, predicted = inputs[frequent], predicted[frequent]
    values, codes = np.unique(predicted, return_inverse=True)
    if len(values) < 2:
        return 0.5
    categories = [name for name in inputs.columns if is_categorical(inputs[name])]
    frame = pd.DataFrame(
        {
            name: inputs[name].astype(object).where(inputs[name].notna(), None).map(str)
            if name in categories
            else inputs[name].to_numpy(dtype=np.float64)
            for name in inputs.columns
        },
        index=inputs.index,
    )
    encoded = make_column_transformer((encoder, categories), remainder="passthrough")
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    probabilities = cross_val_predict(
        make_pipeline(encoded, classifier), frame, codes, cv=folds, method="predict_proba"
    )
    scores = probabilities[:, 1] if len(values) == 2 else probabilities
    return float(roc_auc_score(codes, scores, multi_class="ovr"))
