"""Box 3 for one layer, and for as many layers at a time as there are processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fairfactor.distributed import Processes, whole
from fairfactor.errors import DataError, FairfactorError
from fairfactor.factorization import Factors
from fairfactor.factorization.closed_form import Split
from fairfactor.importance import GroupFisher
from fairfactor.weighting import Metrics


@dataclass(frozen=True, eq=False)
class LayerProblem:
    """The factorisation problem of one layer.

    Attributes:
        name: Name of the layer.
        weight: W, shape (out, in), in the memory of the layer; perhaps a part in each process.
        metrics: What matters.
        fisher: Group Fisher of the layer, its row importance only, if it was measured.
        mean_input: μ, shape (in,), if the bias is to be corrected.
        split: Where the singular values go.
    """

    name: str
    weight: Tensor
    metrics: Metrics
    fisher: GroupFisher | None
    mean_input: Tensor | None
    split: Split

    def factorize(self, weight: Tensor, rank: int) -> Factors:
        """Solve the problem at a rank, without the bias correction.

        Args:
            weight: The whole weight.
            rank: Number of components.

        Returns:
            The factors.

        Raises:
            DataError: If the metrics cannot be used.
        """
        try:
            return self.metrics.factorize(weight, rank, split=self.split)
        except FairfactorError as error:
            raise DataError(f"Layer {self.name!r} cannot be factorised: {error}") from error

    def corrected(self, factors: Factors) -> Factors:
        """Return factors with their bias correction, if there is to be one."""
        if self.mean_input is None:
            return factors
        return factors.with_bias_correction(whole(self.weight), self.mean_input)


def factorize_one_each(
    layers: Sequence[tuple[LayerProblem, int]], processes: Processes
) -> dict[str, Factors]:
    """Solve one problem in each process, and tell the others the solution.

    No process holds more than one whole weight besides the one that is being gathered.

    Args:
        layers: A problem and its rank for each process, or fewer.
        processes: Those that share the work, all with the same problems.

    Returns:
        Factors by name of the layer, the same bits in every process.
    """
    own_weight = None
    for place, (problem, _) in enumerate(layers):
        weight = whole(problem.weight)
        if place == processes.rank:
            own_weight = weight
    own = None
    with processes.together():
        if own_weight is not None:
            problem, rank = layers[processes.rank]
            own = problem.factorize(own_weight, rank)
    return {
        problem.name: _shared(
            own if place == processes.rank else None, problem.weight, rank, processes
        )
        for place, (problem, rank) in enumerate(layers)
    }


def _shared(own: Factors | None, weight: Tensor, rank: int, processes: Processes) -> Factors:
    """Tell all processes the factors that one of them has; the others add zeros to it."""
    if processes.number == 1:
        assert own is not None
        return own
    [components] = processes.largest(len(own.singular_values) if own else 0)
    numbers = torch.zeros(3 + components, dtype=torch.float64)
    rows, columns = weight.shape
    down = torch.zeros(rank, columns, dtype=weight.dtype, device=weight.device)
    up = torch.zeros(rows, rank, dtype=weight.dtype, device=weight.device)
    if own:
        down.copy_(own.down)
        up.copy_(own.up)
        assert own.norm is not None
        assert own.excess_energy is not None
        numbers[:3] = torch.tensor(
            [own.norm, own.excess_energy, own.method == "exact"], dtype=torch.float64
        )
        numbers[3:] = own.singular_values
    processes.sum([down, up, numbers])
    norm, excess_energy, is_exact = numbers[:3].tolist()
    return Factors(
        down=down,
        up=up,
        bias_correction=None,
        singular_values=numbers[3:].clone(),
        method="exact" if is_exact else "randomized",
        norm=norm,
        excess_energy=excess_energy,
    )
