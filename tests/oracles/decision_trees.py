"""Scores of decision trees, row by row and node by node."""

from __future__ import annotations

import torch
from torch import Tensor

from fairfactor.trees.tree_ensemble import TreeEnsemble


def walk(trees: TreeEnsemble, inputs: Tensor) -> Tensor:
    """Baseline plus the value of the leaf that each tree sends a row to, (rows × scores)."""
    feature, threshold = trees.feature.tolist(), trees.threshold.tolist()
    left, right, value = trees.left.tolist(), trees.right.tolist(), trees.value.tolist()
    scores = []
    for row in inputs.double().tolist():
        of_row = []
        for roots, total in zip(trees.roots.tolist(), trees.baseline.tolist(), strict=True):
            for root in roots:
                node = root
                while left[node] != node:
                    node = left[node] if row[feature[node]] <= threshold[node] else right[node]
                total += value[node]
            of_row.append(total)
        scores.append(of_row)
    return torch.tensor(scores, dtype=torch.float64)
