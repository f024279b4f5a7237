"""Scores of gradient-boosted trees as more inputs of a network, cross-fitted.

A network on a table is hardly ever as accurate as boosted trees, and nothing learned on top of it
can be. With the trees' log-odds log p(t | x) − log p(not t | x) of each class and each group
beside its inputs, it is. On the training rows a score comes from trees that were fitted on other
training rows (out of fold, as in stacking; Wolpert 1992), since trees are too sure of rows that
they have seen; on all other rows it is the mean over the folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fairfactor.data.splits import split_rows
from fairfactor.errors import SavedModelError
from fairfactor.groups import EXCLUDED
from fairfactor.trees.tree_ensemble import TreeEnsemble

FOLDS = 5
DEPTH = 8


class TreeScores(nn.Module):
    """x → (x, trees(x C)): what stands before a network that reads the scores of trees.

    The trees read columns of the table: C puts the inputs of one category back together as the
    number 1, 2, … of the category that is there, 0 for none. Each of them sees a dozen columns in
    place of a hundred, which is several times as fast and was as accurate.

    Args:
        names: Name of each score.
        inputs: Number of inputs.
        trees: Makes the scores.

    Attributes:
        columns: C, (inputs × columns).
    """

    columns: Tensor

    def __init__(self, names: Sequence[str], inputs: int, trees: TreeEnsemble) -> None:
        super().__init__()
        self.names, self.trees = tuple(names), trees
        self.register_buffer("columns", torch.zeros(inputs, trees.inputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs and scores, (rows × (inputs + scores))."""
        return torch.cat([inputs, self.trees(inputs @ self.columns)], dim=1)

    def description(self) -> dict[str, Any]:
        """Names and sizes, as JSON values."""
        return {"names": list(self.names), "trees": self.trees.description()}

    @classmethod
    def skeleton(cls, description: Mapping[str, Any], inputs: int) -> Self:
        """Build the module, whose tensors are to be loaded.

        Args:
            description: What `description` returned.
            inputs: Number of inputs.

        Returns:
            The module.

        Raises:
            SavedModelError: If it is no such description.
        """
        try:
            names, trees = description["names"], TreeEnsemble.skeleton(description["trees"])
            module = cls(names, inputs, trees)
        except (AttributeError, KeyError, RuntimeError, TypeError) as error:
            raise SavedModelError(
                f"The saved description of tree scores cannot be used ({error!r}). "
                "Save the model again."
            ) from error
        if len(names) != len(trees.baseline):
            raise SavedModelError(
                f"The saved trees have {len(trees.baseline)} scores, but there are {len(names)} "
                "names. Save the model again."
            )
        return module


def fit_tree_scores(
    inputs: Tensor,
    labels: Tensor,
    groups: Tensor,
    *,
    source_columns: Sequence[str],
    class_names: Sequence[str],
    group_names: Sequence[str],
    seed: int,
) -> tuple[TreeScores, Tensor]:
    """Fit trees for each class and each group; of two classes or groups, for the second alone.

    The groups of the training rows are read, as mitigation reads them; nothing later asks for a
    group. The trees are scikit-learn's ``HistGradientBoostingClassifier`` with its defaults, but
    always 100 iterations, and at most `DEPTH` deep.

    Args:
        inputs: Training inputs without missing values, (rows × inputs).
        labels: Class codes, (rows,).
        groups: Group codes, (rows,); rows of -1 take no part in the trees of groups.
        source_columns: Column of the table that each input comes from.
        class_names: Name of each class.
        group_names: Name of each group.
        seed: Seed of the folds and the trees.

    Returns:
        The module for other rows, and the inputs with out-of-fold scores for the training rows.
    """
    cells = labels * (len(group_names) + 1) + groups + 1
    shares = {str(fold): 1 / FOLDS for fold in range(FOLDS)}
    folds = list(split_rows(len(cells), shares, seed=seed, stratify=cells.numpy()).values())
    columns = _columns(source_columns)
    names, ensembles, scored = [], [], [inputs]
    for kind, codes, code_names in (("class", labels, class_names), ("group", groups, group_names)):
        for code in _scored(len(code_names)):
            ensemble, out_of_fold = _cross_fitted(inputs @ columns, codes, code, folds, seed)
            names.append(f"score of {kind} {code_names[code]}")
            ensembles.append(ensemble)
            scored.append(out_of_fold)
    module = TreeScores(names, inputs.shape[1], TreeEnsemble.side_by_side(ensembles))
    module.columns.copy_(columns)
    return module.eval(), torch.cat(scored, dim=1)


def _columns(source_columns: Sequence[str]) -> Tensor:
    """C: input k of a column, from 1, has the weight k there."""
    names = list(dict.fromkeys(source_columns))
    columns = torch.zeros(len(source_columns), len(names))
    for place, name in enumerate(source_columns):
        column = columns[:, names.index(name)]
        column[place] = column.count_nonzero() + 1
    return columns


def _scored(number: int) -> list[int]:
    """Codes that get a score: every one, but of two only the second, and none of one alone."""
    return list(range(number)) if number > 2 else [1][: number - 1]


def _cross_fitted(
    inputs: Tensor, codes: Tensor, code: int, folds: Sequence[NDArray[np.int64]], seed: int
) -> tuple[TreeEnsemble, Tensor]:
    """Trees for one code against the others: their mean over folds, and scores out of fold."""
    ensembles, out_of_fold = [], inputs.new_zeros(len(inputs), 1)
    for fold, held_out in enumerate(folds):
        fitted = codes != EXCLUDED
        fitted[held_out] = False
        ensemble = _boosted(inputs[fitted], codes[fitted] == code, seed * len(folds) + fold)
        out_of_fold[held_out] = ensemble(inputs[held_out])
        ensembles.append(ensemble)
    return TreeEnsemble.mean(ensembles), out_of_fold


def _boosted(inputs: Tensor, targets: Tensor, seed: int) -> TreeEnsemble:
    """Boosted trees for a binary target; a score of 0 where the rows show only one side of it."""
    if len(targets.unique()) < 2:
        return TreeEnsemble.constant(inputs.shape[1])
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(max_depth=DEPTH, early_stopping=False, random_state=seed)
    # One thread, so that sums do not depend on the number of processors.
    with threadpool_limits(1, "openmp"):
        model.fit(inputs.numpy(), targets.numpy())
    return TreeEnsemble.from_boosting(model)
