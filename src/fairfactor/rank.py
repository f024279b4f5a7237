"""How many components each layer keeps."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
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
        singular_values: Singular values of the weight seen through its metrics, descending:
            ``Factors.singular_values``. Needed by policies that compare components. All of them, or
            the leading ones of a large weight, with ``norm`` and ``extend``.
        norm: Root of the sum of the squares of all singular values, ``Factors.norm``; None if all
            are given.
        extend: Computes at least a number of singular values; called if those that are given are
            not enough. None if all are given.
    """

    out_features: int
    in_features: int
    singular_values: Tensor | None = None
    norm: float | None = None
    extend: Callable[[int], Tensor] | None = None

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
    """A fraction in (0, 1] of the full rank of each layer, rounded, at least 1.

    Attributes:
        fraction: The fraction.
        multiple_of: Round to the nearest multiple of this, and not to 0. Processors work on so many
            channels at a time, such as 16 floats, and a rank in between costs as much as the next
            multiple or more. A layer with a smaller full rank is not concerned.
    """

    fraction: float
    multiple_of: int = 1
    needs_spectra: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_share("fraction", self.fraction)
        if type(self.multiple_of) is not int or self.multiple_of < 1:
            raise ArgumentError("multiple_of", self.multiple_of, "a positive integer")

    def ranks(self, layers: Layers) -> dict[str, int]:
        """Return the rounded fraction of each full rank."""
        return {name: self._rank(layer.full_rank) for name, layer in layers.items()}

    def _rank(self, full_rank: int) -> int:
        step = self.multiple_of if self.multiple_of <= full_rank else 1
        most = full_rank // step
        return step * min(most, max(1, round(self.fraction * full_rank / step)))


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
            energies = _Energies(name, layer)
            while not energies.are_all and float(energies.kept[-1]) < self.energy * energies.total:
                energies.extend(len(energies.known) + 1)
            # The last sum may differ from the total by rounding; it always suffices.
            sufficient = energies.kept >= self.energy * energies.total
            result[name] = int(sufficient.to(torch.uint8).argmax()) + 1
        return result


@dataclass(frozen=True)
class ParameterBudget:
    """As much energy as a number of parameters, over all layers together, can keep.

    Every layer gets rank 1; then the component with the largest ``s² / (out + in)`` that fits is
    added, over and over. Within a layer the singular values descend, so the kept energy is concave
    in the rank, and the greedy choice is optimal as long as the first choice fits. At the end it
    falls short of the optimum by less than the first component that did not fit. Of a layer of
    which only the leading components are known, more are computed when the last known one is
    taken, since they cannot come before it.

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
                if saved[name] <= left and _Energies(name, layers[name])[rank] > 0
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
        # Of equal components, those of the layer that comes first are taken first.
        queue: list[tuple[float, int, str]] = []
        energies = {name: _Energies(name, layer) for name, layer in layers.items()}
        order = {name: place for place, name in enumerate(layers)}

        def offer(name: str) -> None:
            energy = energies[name][result[name]]
            if energy > 0:
                value = energy / layers[name].component_parameters
                heapq.heappush(queue, (-value, order[name], name))

        for name in layers:
            offer(name)
        while queue:
            name = heapq.heappop(queue)[-1]
            # What does not fit now never will: the budget shrinks and a layer's costs are equal.
            if layers[name].component_parameters <= left:
                left -= layers[name].component_parameters
                result[name] += 1
                offer(name)
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


class _Energies:
    """The squared singular values of a layer, of a large one the leading ones until more are asked.

    Args:
        name: Name of the layer.
        layer: Its spectrum.
    """

    def __init__(self, name: str, layer: LayerSpectrum) -> None:
        self._name, self._layer = name, layer
        self.known = self._squares(layer.singular_values)

    def __getitem__(self, index: int) -> float:
        """Return the energy of one component; 0 beyond the last."""
        if len(self.known) <= index < self._layer.full_rank:
            self.extend(index + 1)
        return float(self.known[index]) if index < len(self.known) else 0.0

    @property
    def are_all(self) -> bool:
        """Whether all energies are known."""
        return len(self.known) == self._layer.full_rank

    @property
    def kept(self) -> Tensor:
        """The sum of the first r energies, at r - 1."""
        return torch.cumsum(self.known, 0)

    @property
    def total(self) -> float:
        """The sum of all energies, known or not."""
        norm = self._layer.norm
        return float(self.kept[-1]) if self.are_all or norm is None else norm**2

    def extend(self, least: int) -> None:
        """Compute more energies."""
        assert self._layer.extend is not None
        self.known = self._squares(self._layer.extend(least), least)

    def _squares(self, values: Tensor | None, least: int = 1) -> Tensor:
        """Return the squares in float64.

        Raises:
            ArgumentError: If values are missing, not finite or not descending.
        """
        full_rank = self._layer.full_rank
        argument = f"singular_values of layer {self._name!r}"
        accepted = f"all {full_rank} singular values, descending"
        extensible = self._layer.extend is not None and self._layer.norm is not None
        fewest = least if extensible else full_rank
        if values is None or values.ndim != 1 or not fewest <= len(values) <= full_rank:
            shape = None if values is None else tuple(values.shape)
            remedy = 'Take them from factorize(..., method="exact").'
            raise ArgumentError(argument, shape, accepted, remedy)
        if not bool(values.isfinite().all()) or bool((values.diff() > 0).any()):
            raise ArgumentError(argument, values.tolist(), accepted)
        return values.to(torch.float64).square()
