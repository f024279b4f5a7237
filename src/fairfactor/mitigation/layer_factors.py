"""Boxes 1 to 3 for several layers: what the groups' data say, and the factors that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.factorization import Factors
from fairfactor.layer_problems import measure_problems
from fairfactor.rank import LayerSpectrum, break_even_rank
from fairfactor.weighting import (
    ActivationWhitened,
    BiasAware,
    FairnessNotion,
    FullNeutralized,
    Neutralized,
    Plain,
    Weighting,
)

Metric = Literal["plain", "activations", "covariance", "neutralized", "full_neutralized"]
Directions = FairnessNotion


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
    rows = zip(inputs.split(4096), labels.split(4096), compact.split(4096), strict=True)
    problems, _ = measure_problems(
        network,
        list(rows),
        layers=layers,
        weighting=_weighting(config),
        correct_bias=True,
        split="balanced",
    )
    return problems.solve(_AtMostBreakEven(config.rank))


@dataclass(frozen=True)
class _AtMostBreakEven:
    """The same rank in every layer, but at most the largest that saves parameters."""

    rank: int
    needs_spectra: ClassVar[bool] = False

    def ranks(self, layers: Mapping[str, LayerSpectrum]) -> dict[str, int]:
        """Return the rank of each layer."""
        return {
            name: min(self.rank, max(1, break_even_rank(layer.out_features, layer.in_features)))
            for name, layer in layers.items()
        }


def _weighting(config: FactorConfig) -> Weighting:
    weightings: dict[Metric, Weighting] = {
        "plain": Plain(),
        "activations": ActivationWhitened(),
        "covariance": ActivationWhitened(centered=True),
        "neutralized": Neutralized(),
        "full_neutralized": FullNeutralized(),
    }
    base = weightings[config.metric]
    if config.directions is None:
        return base
    return BiasAware(base, config.directions, config.strength)
