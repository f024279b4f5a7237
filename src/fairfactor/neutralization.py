"""Box 2: neutralise the importance of each group into one importance that groups share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError, DataError

NeutralizationRule = Literal["mean_of_roots", "root_of_mean", "minimum", "geometric_mean"]


def neutralize(
    row_importance: Tensor,
    *,
    alpha: float | None = None,
    weights: Sequence[float] | Tensor | None = None,
    rule: NeutralizationRule = "mean_of_roots",
    unit_mean: bool = False,
) -> Tensor:
    """Combine the row importances ρ_s of all groups s into one neutral importance Î_N.

    With weights α_s ≥ 0 that sum to one, for every input feature j:

    - ``mean_of_roots``: Î_N = Σ_s α_s √ρ_s (Eq. 2 of arXiv:2403.00625, there for two groups)
    - ``root_of_mean``: Î_N = √(Σ_s α_s ρ_s)
    - ``geometric_mean``: Î_N = Π_s ρ_s^(α_s / 2)
    - ``minimum``: Î_N = min_s √ρ_s, which takes no weights

    In this order: minimum ≤ geometric_mean ≤ mean_of_roots ≤ root_of_mean, at any weights. Each ρ_s
    is a mean over the samples of its group, so the size of a group does not matter, but its scale
    does: the group with the larger gradients dominates unless ``unit_mean`` removes the scale.

    Args:
        row_importance: ρ of shape (G, in), not negative, in units of squared gradient.
        alpha: Weight α of group 0 in [0, 1], for exactly two groups; group 1 gets 1 - α.
        weights: α_s of all G groups, not negative, with sum one. Equal when neither is given.
        rule: Which of the four means above.
        unit_mean: Divide each ρ_s by its mean over the features first.

    Returns:
        Î_N of shape (in,), in float64, on the scale of a gradient: the metric that a factorisation
        weights the input with is diag(Î_N²).

    Raises:
        ArgumentError: If an argument is not usable, or ``alpha`` meets other than two groups.
        DataError: If an importance is not finite or negative, or ``unit_mean`` meets a group
            whose importances are all zero.
    """
    if rule not in get_args(NeutralizationRule):
        raise ArgumentError("rule", rule, f"one of {', '.join(get_args(NeutralizationRule))}")
    importance = _checked(row_importance)
    if rule == "minimum" and (alpha is not None or weights is not None):
        raise ArgumentError("rule", rule, "no alpha and no weights", "The minimum has no weights.")
    shares = _shares(importance, alpha, weights)[:, None]
    if unit_mean:
        means = importance.mean(dim=1, keepdim=True)
        empty = (means[:, 0] == 0).nonzero().flatten().tolist()
        if empty:
            raise DataError(
                f"unit_mean cannot scale group {empty[0]}: its row importances are all zero. "
                "Leave the group out, or call with unit_mean=False."
            )
        importance = importance / means
    if rule == "mean_of_roots":
        return (shares * importance.sqrt()).sum(dim=0)
    if rule == "root_of_mean":
        return (shares * importance).sum(dim=0).sqrt()
    if rule == "geometric_mean":
        return importance.pow(shares / 2).prod(dim=0)
    return importance.amin(dim=0).sqrt()


def pooled_importance(row_importance: Tensor, counts: Tensor) -> Tensor:
    """Importance of all samples together, blind to groups: √(Σ_s n_s ρ_s / Σ_s n_s).

    The control for :func:`neutralize`: the weighting of FWSVD (arXiv:2207.00112).

    Args:
        row_importance: ρ of shape (G, in), not negative.
        counts: Number n_s of samples of each group, shape (G,).

    Returns:
        Pooled importance of shape (in,), in float64, on the scale of a gradient.

    Raises:
        ArgumentError: If ``counts`` has another length, a negative entry, or no samples at all.
    """
    importance = _checked(row_importance)
    sizes = counts.to(importance)
    if sizes.shape != importance.shape[:1] or bool((sizes < 0).any()) or sizes.sum() <= 0:
        raise ArgumentError("counts", counts, f"{len(importance)} counts, not all zero")
    return (sizes @ importance / sizes.sum()).sqrt()


def _checked(row_importance: Tensor) -> Tensor:
    """Return the importances in float64, or refuse them."""
    if row_importance.dim() != 2 or row_importance.numel() == 0:
        raise ArgumentError(
            "row_importance", tuple(row_importance.shape), "shape (groups, input features)"
        )
    importance = row_importance.detach().to(torch.float64)
    for problem, where in (
        ("not finite", ~importance.isfinite()),
        ("negative", importance < 0),
    ):
        if where.any():
            group, feature = where.nonzero()[0].tolist()
            raise DataError(
                f"row_importance of group {group}, input feature {feature} is {problem} "
                f"({importance[group, feature].item()}): expected a mean of squared gradients. "
                "Compute it with group_fisher."
            )
    return importance


def _shares(
    importance: Tensor, alpha: float | None, weights: Sequence[float] | Tensor | None
) -> Tensor:
    """Return the weight α_s of each group, shape (G,)."""
    number_of_groups = len(importance)
    if alpha is not None:
        if weights is not None:
            raise ArgumentError("alpha", alpha, "either alpha or weights", "Leave one of them out.")
        if number_of_groups != 2:
            raise ArgumentError(
                "alpha",
                alpha,
                f"exactly two groups, and there are {number_of_groups}",
                "Give weights=, one per group.",
            )
        if not 0 <= alpha <= 1:
            raise ArgumentError("alpha", alpha, "a number from 0 to 1")
        return importance.new_tensor([alpha, 1 - alpha])
    if weights is None:
        return importance.new_full((number_of_groups,), 1 / number_of_groups)
    shares = torch.as_tensor(weights).to(importance)
    if (
        shares.shape != (number_of_groups,)
        or not bool((shares >= 0).all())
        or abs(shares.sum().item() - 1) > 1e-6
    ):
        raise ArgumentError(
            "weights", weights, f"{number_of_groups} numbers, none negative, with sum 1"
        )
    return shares
