"""How many components each layer keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError


def break_even_rank(out_features: int, in_features: int) -> int:
    """Return the largest rank at which two factors have fewer parameters than the weight.

    ``r (out + in) < out · in``; the bias is the same in both. 0 if no rank saves anything.
    """
    return (out_features * in_features - 1) // (out_features + in_features)


@dataclass(frozen=True, eq=False)
class LayerSpectrum:
    """What a rank policy knows of a layer.

    Attributes:
        out_features: Rows of the weight.
        in_features: Columns of the weight.
        singular_values: All singular values of the weight seen through its metrics, descending:
            ``Factors.singular_values`` of an exact factorisation. Needed by policies that compare
            components.
    """

    out_features: int
    in_features: int
    singular_values: Tensor | None = None

    @property
    def full_rank(self) -> int:
        """The largest rank, at which the factors give the weight back."""
        return min(self.out_features, self.in_features)

    @property
    def parameters(self) -> int:
        """Parameters of the weight."""
        return self.out_features * self.in_features

    @property
    def component_parameters(self) -> int:
        """Parameters of one component: a row of ``down`` and a column of ``up``."""
        return self.out_features + self.in_features

    def becomes_smaller(self, rank: int) -> bool:
        """Tell whether factors of a rank have fewer parameters than the weight."""
        return rank <= break_even_rank(self.out_features, self.in_features)


Layers = Mapping[str, LayerSpectrum]


class RankPolicy(Protocol):
    """A rule that gives every layer a rank.

    Attributes:
        needs_spectra: Whether it compares components, so that the layers need singular values.
    """

    needs_spectra: ClassVar[bool]

    def ranks(self, layers: Layers) -> dict[str, int]:
        """Return the rank of every layer, by its name."""
        ...


@dataclass(frozen=True)
class FixedRank:
    """The same rank in every layer."""

    rank: int
    needs_spectra: ClassVar[bool] = False

    def ranks(self, layers: Layers) -> dict[str, int]:
        """Return the rank for every layer."""
        return dict.fromkeys(layers, self.rank)


@dataclass(frozen=True)
class RankFraction:
    """A fraction in (0, 1] of the full rank of each layer, rounded, at least 1."""

    fraction: float
    needs_spectra: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_share("fraction", self.fraction)

    def ranks(self, layers: Layers) -> dict[str, int]:
        """Return the rounded fraction of each full rank."""
        return {
            name: max(1, round(self.fraction * layer.full_rank)) for name, layer in layers.items()
        }


@dataclass(frozen=True)
class EnergyThreshold:
    """The smallest rank that keeps a share in (0, 1] of the sum of squared singular values."""

    energy: float
    needs_spectra: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_share("energy", self.energy)

    def ranks(self, layers: Layers) -> dict[str, int]:
        """Return the smallest sufficient rank of each layer."""
        result = {}
        for name, layer in layers.items():
            kept = torch.cumsum(_energies(name, layer), 0)
            # The last sum may differ from the total by rounding; it always suffices.
            sufficient = kept >= self.energy * kept[-1]
            result[name] = int(sufficient.to(torch.uint8).argmax()) + 1
        return result


@dataclass(frozen=True)
class ParameterBudget:
    """As much energy as a number of parameters, over all layers together, can keep.

    Every layer gets rank 1; then the component with the largest ``s² / (out + in)`` that fits is
    added, over and over. Within a layer the singular values descend, so the kept energy is concave
    in the rank, and the greedy choice is optimal as long as the first choice fits. At the end it
    falls short of the optimum by less than the first component that did not fit.

    The spectra are compared across layers as they are. With Fisher metrics they are all in the
    units of the loss; under other metrics divide each spectrum by its norm first.

    Attributes:
        parameters: Largest number of parameters, biases not counted.
    """

    parameters: int
    needs_spectra: ClassVar[bool] = True

    def ranks(self, layers: Layers) -> dict[str, int]:
        """Return the ranks that spend the budget on factors of every layer."""
        return self._spend(layers, whole=0)

    def ranks_of_smaller(self, layers: Layers) -> dict[str, int]:
        """Return ranks for the layers that become smaller; the budget pays the weights of others.

        A layer stays whole if its weight costs less than its factors, or no more than they and
        what is left of the budget together.

        Args:
            layers: The layers.

        Returns:
            The rank of each layer that becomes smaller.
        """
        smaller = {name: layer for name, layer in layers.items() if layer.becomes_smaller(1)}
        while smaller:
            whole = sum(layer.parameters for name, layer in layers.items() if name not in smaller)
            ranks = self._spend(smaller, whole)
            costs = {name: rank * layers[name].component_parameters for name, rank in ranks.items()}
            left = self.parameters - whole - sum(costs.values())
            saved = {name: layers[name].parameters - cost for name, cost in costs.items()}
            enlarged = [name for name in saved if saved[name] <= 0]
            affordable = [
                name
                for name, rank in ranks.items()
                if saved[name] <= left and bool(_energies(name, layers[name])[rank:].any())
            ]
            if not enlarged and not affordable:
                return ranks
            for name in enlarged or affordable[:1]:
                del smaller[name]
        return {}

    def _spend(self, layers: Layers, whole: int) -> dict[str, int]:
        """Return the ranks that spend the budget, of which weights already take a part.

        Returns:
            The rank of each layer.

        Raises:
            ArgumentError: If the budget does not allow rank 1 everywhere.
        """
        result = dict.fromkeys(layers, 1)
        least = sum(layer.component_parameters for layer in layers.values()) + whole
        left = self.parameters - least
        if left < 0:
            raise ArgumentError(
                "parameters",
                self.parameters,
                f"at least {least}, which is rank 1 in all {len(layers)} layers"
                + (", others whole" if whole else ""),
                "Raise the budget or choose other layers.",
            )
        components = [
            (energy / layer.component_parameters, name)
            for name, layer in layers.items()
            for energy in _energies(name, layer)[1:].tolist()
            if energy > 0
        ]
        for _, name in sorted(components, key=lambda component: -component[0]):
            if layers[name].component_parameters <= left:
                left -= layers[name].component_parameters
                result[name] += 1
        return result


def allocate_ranks(
    layers: Layers, policy: RankPolicy, *, only_if_smaller: bool = False
) -> dict[str, int]:
    """Give layers a rank.

    Args:
        layers: Shape and, for the policies that compare components, spectrum of each layer by name.
        policy: `FixedRank`, `RankFraction`, `EnergyThreshold`, `ParameterBudget` or one's own.
        only_if_smaller: Leave out the layers whose factors would not have fewer parameters than
            the weight. A `ParameterBudget` then pays for the weight, and what is left goes to the
            other layers.

    Returns:
        The rank of each layer by name, between 1 and the layer's full rank.

    Raises:
        ArgumentError: If the policy gives a layer a rank that it cannot have.
    """
    if only_if_smaller and isinstance(policy, ParameterBudget):
        ranks = policy.ranks_of_smaller(layers)
    else:
        ranks = policy.ranks(layers)
    if only_if_smaller:
        ranks = {name: rank for name, rank in ranks.items() if layers[name].becomes_smaller(rank)}
    for name, rank in ranks.items():
        layer = layers[name]
        if not 1 <= rank <= layer.full_rank:
            raise ArgumentError(
                f"rank of layer {name!r}",
                rank,
                f"1 to {layer.full_rank} for a weight of "
                f"{layer.out_features} x {layer.in_features}",
                "Choose a lower rank or RankFraction.",
            )
    return ranks


def _check_share(argument: str, value: float) -> None:
    """Refuse a share that is not above 0 and at most 1.

    Raises:
        ArgumentError: If it is not.
    """
    if not 0 < value <= 1:
        raise ArgumentError(argument, value, "a number above 0 and at most 1")


def _energies(name: str, layer: LayerSpectrum) -> Tensor:
    """Return the squared singular values of a layer.

    Raises:
        ArgumentError: If they are missing, incomplete, not finite or not descending.
    """
    values = layer.singular_values
    argument = f"singular_values of layer {name!r}"
    accepted = f"all {layer.full_rank} singular values, descending"
    if values is None or values.shape != (layer.full_rank,):
        shape = None if values is None else tuple(values.shape)
        raise ArgumentError(
            argument, shape, accepted, 'Take them from factorize(..., method="exact").'
        )
    if not bool(values.isfinite().all()) or bool((values.diff() > 0).any()):
        raise ArgumentError(argument, values.tolist(), accepted)
    return values.to(torch.float64).square()
