"""Boxes 1 to 3 for several layers: what the groups' data say, and the factors that follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.factorization import Factors, factorize
from fairfactor.importance import GroupFisher, InputMoments, group_fisher, input_moments
from fairfactor.neutralization import neutralize
from fairfactor.rank import break_even_rank
from fairfactor.surgery import weight_matrix

Metric = Literal["plain", "activations", "covariance", "neutralized", "full_neutralized"]
Directions = Literal["demographic_parity", "equal_opportunity", "equalized_odds"]


@dataclass(frozen=True)
class FactorConfig:
    """How layers are factorised.

    Attributes:
        rank: r, in each layer at most the largest that saves parameters.
        metric: M: "plain" is I, "activations" E[x xᵀ], "covariance" that of x, "neutralized" the
            paper's diag(Î_N²), "full_neutralized" Σ_s α_s R_s.
        directions: Δ, the notion whose differences of mean inputs are penalised.
        strength: λ of that penalty, in units of the mean diagonal of M; ``inf`` erases Δ.

    Raises:
        ArgumentError: If there is no such metric, or directions and strength do not go together.
    """

    rank: int = 9
    metric: Metric = "activations"
    directions: Directions | None = None
    strength: float = 0.0

    def __post_init__(self) -> None:
        if self.metric not in get_args(Metric):
            raise ArgumentError("metric", self.metric, f"one of {', '.join(get_args(Metric))}")
        if self.directions not in {None, *get_args(Directions)}:
            accepted = f"None or one of {', '.join(get_args(Directions))}"
            raise ArgumentError("directions", self.directions, accepted)
        if (self.directions is None) != (self.strength == 0):
            raise ArgumentError("strength", self.strength, "above 0 exactly with directions")


def layer_factors(
    network: nn.Module,
    layers: Sequence[str],
    inputs: Tensor,
    labels: Tensor,
    groups: Tensor,
    config: FactorConfig,
) -> dict[str, Factors]:
    """Factorise layers by what the data of the groups say about them.

    Args:
        network: From inputs to logits, in evaluation mode; not changed.
        layers: Names of linear layers.
        inputs: Inputs of the network.
        labels: Class codes, (rows,).
        groups: Group codes, (rows,); rows of -1 are left out.
        config: How.

    Returns:
        Factors by layer, with the bias correction for the mean input.
    """
    # Groups without rows say nothing: the codes of the others close up.
    codes = torch.unique(groups[groups >= 0], return_inverse=True)[1]
    compact = groups.clone()
    compact[groups >= 0] = codes

    def batches() -> Iterator[tuple[Tensor, ...]]:
        return zip(inputs.split(4096), labels.split(4096), compact.split(4096), strict=True)

    moments = input_moments(network, batches(), layers=layers)
    fishers: dict[str, GroupFisher] = {}
    if config.metric in {"neutralized", "full_neutralized"}:
        fishers = group_fisher(network, batches(), layers=layers, statistics=("input_matrix",))
    factors = {}
    for name in layers:
        weight = weight_matrix(network.get_submodule(name))
        metric = _input_metric(config.metric, moments[name], fishers.get(name))
        factors[name] = factorize(
            weight,
            min(config.rank, max(1, break_even_rank(*weight.shape))),
            input_metric=metric,
            directions=_directions(config.directions, moments[name]),
            strength=config.strength * _mean_diagonal(metric),
            mean_input=moments[name].mean,
            split="balanced",
        )
    return factors


def _input_metric(
    metric: Metric, moments: InputMoments, fisher: GroupFisher | None
) -> Tensor | None:
    """M, or None for the identity."""
    if metric == "activations":
        return moments.second_moment
    if metric == "covariance":
        return moments.covariance
    if fisher is None:
        return None
    if metric == "neutralized":
        return neutralize(fisher.row_importance).square()
    assert fisher.input_matrix is not None
    return fisher.input_matrix.mean(dim=0)


def _directions(notion: Directions | None, moments: InputMoments) -> Tensor | None:
    match notion:
        case "demographic_parity":
            return moments.demographic_parity_directions()
        case "equal_opportunity":
            return moments.equal_opportunity_directions()
        case "equalized_odds":
            return moments.equalized_odds_directions()
    return None


def _mean_diagonal(metric: Tensor | None) -> float:
    """Mean of the diagonal of M, the unit of λ; 1 for the identity."""
    if metric is None:
        return 1.0
    return float((metric if metric.ndim == 1 else metric.diagonal()).mean())
