"""Ensembles of decision trees as tensors: built from scikit-learn's, evaluated and saved by torch.

A tree sends a row from its root, at each node to the left if x[feature] <= threshold and to the
right if not, until it arrives at a leaf. A score is the sum of the values of the leaves of its
trees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from fairfactor.errors import SavedModelError

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

_ROWS = 1024  # rows times trees stay in the cache
_DEEPEST = 1000
_SIZES = ("inputs", "scores", "trees", "nodes", "depth")


class TreeEnsemble(nn.Module):
    """From inputs (rows × inputs) to scores (rows × scores) in float32.

    The nodes of all trees stand one after the other, each before its children; a leaf is its own
    child. Thresholds, values and sums are float64, as in scikit-learn, so that scores differ from
    its decisions by the order of a sum alone.

    Args:
        inputs: Number of inputs.
        scores: Number of scores.
        trees: Number of trees of each score.
        nodes: Number of nodes of all trees.
        depth: Most steps from a root to a leaf.

    Attributes:
        feature: The input that a node looks at, (nodes,).
        threshold: What it is compared with, (nodes,).
        left: Child where x[feature] <= threshold, (nodes,).
        right: Child elsewhere, (nodes,).
        value: Value of a leaf, (nodes,).
        roots: First node of each tree, (scores × trees).
        baseline: What is added to each score, (scores,).
    """

    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    value: Tensor
    roots: Tensor
    baseline: Tensor

    def __init__(self, inputs: int, scores: int, trees: int, nodes: int, depth: int) -> None:
        super().__init__()
        self.inputs, self.depth = inputs, depth
        self.register_buffer("feature", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("threshold", torch.zeros(nodes, dtype=torch.float64))
        self.register_buffer("left", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("right", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("value", torch.zeros(nodes, dtype=torch.float64))
        self.register_buffer("roots", torch.zeros(scores, trees, dtype=torch.int32))
        self.register_buffer("baseline", torch.zeros(scores, dtype=torch.float64))

    @classmethod
    def from_boosting(cls, model: HistGradientBoostingClassifier) -> Self:
        """The decision function of a fitted classifier of two classes, log p₁ − log p₀.

        scikit-learn has no public way to the trees of this class; a test compares every score.

        Args:
            model: Fitted on inputs without missing values and without categorical columns.

        Returns:
            An ensemble of one score.
        """
        trees = [iteration[0].nodes for iteration in model._predictors]
        sizes = [len(nodes) for nodes in trees]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        nodes = np.concatenate(trees)
        is_leaf = nodes["is_leaf"].astype(bool)
        itself, offset = np.arange(len(nodes)), np.repeat(roots, sizes)
        depth = int(max(nodes["depth"]))
        ensemble = cls(model.n_features_in_, 1, len(trees), len(nodes), depth)
        ensemble.feature.copy_(torch.from_numpy(np.where(is_leaf, 0, nodes["feature_idx"])))
        ensemble.threshold.copy_(torch.from_numpy(np.where(is_leaf, 0, nodes["num_threshold"])))
        for side in ("left", "right"):
            child = np.where(is_leaf, itself, offset + nodes[side])
            getattr(ensemble, side).copy_(torch.from_numpy(child))
        ensemble.value.copy_(torch.from_numpy(np.where(is_leaf, nodes["value"], 0)))
        ensemble.roots.copy_(torch.from_numpy(roots)[None])
        ensemble.baseline.copy_(torch.from_numpy(model._baseline_prediction.reshape(-1)))
        return ensemble

    @classmethod
    def constant(cls, inputs: int) -> Self:
        """One score that is 0 for every row.

        Args:
            inputs: Number of inputs.

        Returns:
            An ensemble of one leaf.
        """
        return cls(inputs, 1, 1, 1, 0)

    @classmethod
    def mean(cls, ensembles: Sequence[Self]) -> Self:
        """The mean of ensembles with one score each.

        Args:
            ensembles: One or more for the same inputs.

        Returns:
            An ensemble of one score.
        """
        joined = cls._joined(ensembles, scores=1)
        joined.value /= len(ensembles)
        joined.baseline.copy_(torch.cat([one.baseline for one in ensembles]).mean())
        return joined

    @classmethod
    def side_by_side(cls, ensembles: Sequence[Self]) -> Self:
        """The scores of ensembles with one score each, side by side.

        Args:
            ensembles: One or more for the same inputs.

        Returns:
            An ensemble of as many scores.
        """
        most = max(one.roots.shape[1] for one in ensembles)
        joined = cls._joined([one._with_empty_trees(most) for one in ensembles], len(ensembles))
        joined.baseline.copy_(torch.cat([one.baseline for one in ensembles]))
        return joined

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores, (rows × scores)."""
        return torch.cat([self._scores(batch) for batch in inputs.split(_ROWS)])

    def description(self) -> dict[str, int]:
        """Sizes, as JSON values."""
        scores, trees = self.roots.shape
        sizes = (self.inputs, scores, trees, len(self.value), self.depth)
        return dict(zip(_SIZES, sizes, strict=True))

    @classmethod
    def skeleton(cls, description: Mapping[str, Any]) -> Self:
        """Build an ensemble of the same sizes, with tensors still to be loaded.

        Args:
            description: What `description` returned.

        Returns:
            The ensemble.

        Raises:
            SavedModelError: If it is no description, or one of a tree that is too deep.
        """
        sizes = [description.get(name) for name in _SIZES]
        if (
            description.keys() != set(_SIZES)
            or not all(isinstance(size, int) and 0 <= size < 2**31 for size in sizes)
            or description["depth"] > _DEEPEST
        ):
            raise SavedModelError(
                f"The saved description {dict(description)} is not one of trees: expected the keys "
                f"{list(_SIZES)} with whole numbers, and a depth up to {_DEEPEST}."
            )
        return cls(**description)

    def require_sound(self) -> None:
        """Check loaded tensors: every node that is named exists, and children follow parents.

        Raises:
            SavedModelError: If they do not.
        """
        nodes = len(self.value)
        place = torch.arange(nodes)
        named = torch.cat([self.left, self.right, self.roots.flatten()])
        if not (
            bool(((named >= 0) & (named < nodes)).all())
            and bool(((self.left >= place) & (self.right >= place)).all())
            and bool(((self.feature >= 0) & (self.feature < self.inputs)).all())
        ):
            raise SavedModelError(
                "The saved trees name nodes or inputs that do not exist. Save the model again."
            )

    def _scores(self, inputs: Tensor) -> Tensor:
        rows = inputs.double()
        node = self.roots.flatten().long().expand(len(rows), -1)
        feature, left, right = (t.long() for t in (self.feature, self.left, self.right))
        for _ in range(self.depth):
            goes_left = rows.gather(1, feature[node]) <= self.threshold[node]
            node = torch.where(goes_left, left[node], right[node])
        sums = self.value[node].unflatten(1, self.roots.shape).sum(dim=2)
        scores: Tensor = (self.baseline + sums).float()
        return scores

    def _with_empty_trees(self, trees: int) -> Self:
        """The same score with more trees, of one leaf with value 0 each."""
        more = trees - self.roots.shape[1]
        empty = type(self)(self.inputs, 1, more, more, 0)
        place = torch.arange(more, dtype=torch.int32)
        for tensor in (empty.left, empty.right, empty.roots[0]):
            tensor.copy_(place)
        padded = self._joined([self, empty], scores=1)
        padded.baseline.copy_(self.baseline)
        return padded

    @classmethod
    def _joined(cls, ensembles: Sequence[Self], scores: int) -> Self:
        """All trees, dealt to scores in their order; without a baseline."""
        nodes = [len(one.value) for one in ensembles]
        starts = torch.tensor([0, *nodes[:-1]]).cumsum(0).to(torch.int32)
        trees = sum(one.roots.numel() for one in ensembles) // scores
        depth = max(one.depth for one in ensembles)
        joined = cls(ensembles[0].inputs, scores, trees, sum(nodes), depth)
        for name in ("feature", "threshold", "value"):
            getattr(joined, name).copy_(torch.cat([getattr(one, name) for one in ensembles]))
        moved = list(zip(ensembles, starts, strict=True))
        for name in ("left", "right", "roots"):
            places = [(getattr(one, name) + start).flatten() for one, start in moved]
            tensor = getattr(joined, name)
            tensor.copy_(torch.cat(places).reshape(tensor.shape))
        return joined
