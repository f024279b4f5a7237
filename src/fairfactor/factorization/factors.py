"""The result of a factorisation: two thin matrices and what is known about them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError


@dataclass(frozen=True, eq=False)
class Factors:
    """Rank-r factors ``T = up @ down`` that stand in for a weight ``W`` of shape (out, in).

    In the paper's transposed notation ``down`` is ``Aᵀ`` and ``up`` is ``Bᵀ``. ``down``, ``up`` and
    ``bias_correction`` have the dtype and the device of the weight.

    Attributes:
        down: First factor, shape (r, in).
        up: Second factor, shape (out, r).
        bias_correction: ``(W - T) μ``, shape (out,), to be added to the bias so that the mean
            output stays what it was; None if no mean input was given.
        singular_values: Singular values of the weight seen through the metrics, descending,
            float64. All of them, whatever the rank, except for "randomized", which knows the
            first r only, and for "als" and "em", where they are those of ``T``.
        method: How the factors were computed.
        norm: Weighted norm of the target, the root of the sum of all squared singular values, also
            of those that "randomized" does not know; None for "als" and "em".
        excess_energy: By how much the squared weighted error may exceed the best possible, as a
            fraction of ``norm²``: 0 for "exact", a bound that holds with a probability of at least
            1 - 1e-10 for "randomized", None for "als" and "em", which may end in a local minimum.
        objective_history: The objective before the first and after every iteration of "als" and
            "em"; empty for the others.
    """

    down: Tensor
    up: Tensor
    bias_correction: Tensor | None
    singular_values: Tensor
    method: Literal["exact", "randomized", "als", "em"] = "exact"
    norm: float | None = None
    excess_energy: float | None = 0.0
    objective_history: tuple[float, ...] = ()

    @property
    def rank(self) -> int:
        """Number of components r."""
        return self.down.shape[0]

    @property
    def product(self) -> Tensor:
        """The weight ``T = up @ down`` that the factors stand for, shape (out, in)."""
        return self.up @ self.down

    @property
    def kept_energy(self) -> float | None:
        """Share ``Σ_{i≤r} s_i² / Σ s_i²`` of the weighted weight that the rank keeps.

        None for "als" and "em", whose target has no singular values.
        """
        if self.norm is None:
            return None
        shares = (self.singular_values[: self.rank] / self.norm).square()
        return min(1.0, float(shares.sum())) if self.norm > 0 else 1.0

    @property
    def error_bound(self) -> float | None:
        """By how much the weighted error may exceed the best possible, as a fraction of ``norm``.

        ``√(1 - k) - √(1 - k - e)`` with k the kept energy and e the excess energy; None if there is
        no bound.
        """
        if self.excess_energy is None or self.kept_energy is None:
            return None
        lost = 1.0 - self.kept_energy
        return math.sqrt(lost) - math.sqrt(max(lost - self.excess_energy, 0.0))

    def truncated(self, rank: int) -> Self:
        """Return the best factors of a smaller rank: by Eckart and Young, the first components.

        Args:
            rank: Number of components, from 1 to the present rank.

        Returns:
            The factors, without a bias correction, which would be that of another product.

        Raises:
            ArgumentError: If the rank is out of range, or the factors are of "als" or "em".
        """
        if self.norm is None or not 1 <= rank <= self.rank:
            accepted = f"1 to {self.rank}, for factors of the closed form"
            raise ArgumentError("rank", rank, accepted, "Factorise the weight at that rank.")
        down, up = self.down[:rank].clone(), self.up[:, :rank].clone()
        return replace(self, down=down, up=up, bias_correction=None)

    def with_bias_correction(self, weight: Tensor, mean_input: Tensor) -> Self:
        """Return the factors with ``(W - T) μ``, so that the mean output stays what it was.

        Args:
            weight: ``W``, shape (out, in).
            mean_input: ``μ``, shape (in,).

        Returns:
            The factors.
        """
        W, up, down, mean = (
            tensor.detach().to("cpu", torch.float64)  # some accelerators have no float64
            for tensor in (weight, self.up, self.down, mean_input)
        )
        return replace(self, bias_correction=(W @ mean - up @ (down @ mean)).to(self.down))

    def change(self, weight: Tensor) -> Tensor:
        """Return ``T - W`` in float64, shape (out, in): what the factors change."""
        product = self.up.to(torch.float64) @ self.down.to(torch.float64)
        return product - weight.detach().to(product)

    def relative_error(self, weight: Tensor) -> float:
        """Return ``‖W - T‖ / ‖W‖`` in the unweighted Frobenius norm; 0 if nothing changes."""
        error = self.change(weight).norm()
        return float(error / weight.detach().to(error).norm()) if error > 0 else 0.0
