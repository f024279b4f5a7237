"""A convex multinomial head that tells class and group from the features of a frozen network."""

from __future__ import annotations

from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.errors import DataError

PENALTY = 1e-3
"""Of the squared weights, unless another is asked for."""
_CONSTANT = 1e-4  # features with less than this share of the largest deviation are left out


class CellHead(nn.Module):
    """log p(y, s | h) = log softmax of one linear layer on the standardised features h.

    Args:
        features: Width of h.
        n_classes: Number of classes.
        n_groups: Number of groups.

    Attributes:
        linear: The layer, (classes · groups × features).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: int, n_classes: int, n_groups: int) -> None:
        super().__init__()
        self.n_classes, self.n_groups = n_classes, n_groups
        self.linear = nn.Linear(features, n_classes * n_groups)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    @classmethod
    def fit(
        cls,
        features: Tensor,
        labels: Tensor,
        groups: Tensor,
        *,
        n_classes: int,
        n_groups: int,
        penalty: float = PENALTY,
        iterations: int = 60,
    ) -> Self:
        """Minimise mean cross-entropy of the cell + penalty/2 ‖W‖², a convex problem.

        Full-batch L-BFGS, so there are no batches that could miss a group.

        Args:
            features: h, (rows × features).
            labels: Class codes, (rows,).
            groups: Group codes, (rows,); rows of -1 are left out.
            n_classes: Number of classes.
            n_groups: Number of groups.
            penalty: Weight of the squared weights; the biases are free.
            iterations: Most L-BFGS iterations.

        Returns:
            The head, in the dtype of the features.

        Raises:
            DataError: If no row has a group.
        """
        included = groups >= 0
        if not bool(included.any()):
            raise DataError("no row has a group: give the codes of at least two groups.")
        features, labels, groups = features[included], labels[included], groups[included]
        head = cls(features.shape[1], n_classes, n_groups).to(features.dtype)
        deviation = features.std(dim=0, correction=0)
        varies = deviation > _CONSTANT * deviation.max()
        head.mean.copy_(features.mean(dim=0))
        # A feature that hardly varies would be blown up to noise: an infinite scale leaves it out.
        head.scale.copy_(torch.where(varies, deviation, torch.inf))
        for parameter in head.linear.parameters():
            nn.init.zeros_(parameter)
        head._minimise(features, labels * n_groups + groups, penalty, iterations)
        return head

    def forward(self, features: Tensor) -> Tensor:
        """Log probabilities of the cells.

        Args:
            features: h, (rows × features).

        Returns:
            log p(y, s | h), (rows × classes × groups).
        """
        logits = self.linear((features - self.mean) / self.scale)
        cells = (self.n_classes, self.n_groups)
        return cast("Tensor", functional.log_softmax(logits, dim=1).unflatten(1, cells))

    def _minimise(self, features: Tensor, cells: Tensor, penalty: float, iterations: int) -> None:
        standardised = (features - self.mean) / self.scale
        optimizer = torch.optim.LBFGS(
            self.linear.parameters(),
            max_iter=iterations,
            history_size=20,
            line_search_fn="strong_wolfe",
            tolerance_grad=1e-6,
            tolerance_change=1e-9,
        )

        def closure() -> float:
            optimizer.zero_grad()
            loss = functional.cross_entropy(self.linear(standardised), cells)
            loss = loss + penalty / 2 * self.linear.weight.square().sum()
            loss.backward()
            return float(loss.detach())

        optimizer.step(closure)
