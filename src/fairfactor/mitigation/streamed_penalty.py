"""A last layer fitted with a penalty on gaps, on more rows than memory holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.distributed import ALONE, Processes
from fairfactor.errors import DataError
from fairfactor.mitigation.class_head import minimize, unstandardised, zero_layer
from fairfactor.mitigation.gap_penalty import squared_gaps
from fairfactor.mitigation.rates import RateFamily

Chunks = Callable[[], Iterable[tuple[Tensor, ...]]]
"""Gives all rows anew: features (rows × features), class codes and group codes, some at a time."""


def streamed_penalty_path(
    chunks: Chunks,
    family: RateFamily,
    n_classes: int,
    n_groups: int,
    strengths: Iterable[float],
    *,
    weight_penalty: float = 1e-3,
    iterations: int = 80,
    processes: Processes = ALONE,
) -> Iterator[nn.Linear]:
    """Do what `penalty_path` does, reading the rows again for every value of the loss.

    The penalty P is of rates r of all rows, so its gradient is Σ_ks (∂P/∂r_ks) ∂r_ks/∂θ: a first
    pass over the rows sums up r, a second one the gradients of cross-entropy and of r. Memory
    depends on the rows of a chunk, not on how many there are.

    Args:
        chunks: The rows, such as ``lambda: shards.batches(labels, groups)`` of a feature cache.
        family: The rates.
        n_classes: Number of classes.
        n_groups: Number of groups; rows of group -1 count in the cross-entropy alone.
        strengths: From weak to strong.
        weight_penalty: Weight of the squared weights; the biases are free.
        iterations: Most L-BFGS iterations for each strength.
        processes: Those that share the rows, each with its own.

    Yields:
        One layer for each strength, on the features as they are.
    """
    rows = _Rows.count(chunks, family, n_groups, processes)
    layer = zero_layer(len(rows.mean), n_classes, rows.mean.dtype)
    for strength in strengths:

        def backward(strength: float = strength) -> float:
            loss = rows.backward(layer, strength)
            with torch.no_grad():
                assert layer.weight.grad is not None
                layer.weight.grad += weight_penalty * layer.weight
                return loss + weight_penalty / 2 * float(layer.weight.square().sum())

        minimize(layer, backward, iterations)
        yield unstandardised(layer, rows.mean, rows.scale)


@dataclass(frozen=True, eq=False)
class _Rows:
    """All rows, and what is known of them beforehand.

    Attributes:
        chunks: Reads them.
        hits: A of `RateFamily`, (rates × classes × classes).
        events: B, (rates × classes).
        sizes: Rows of each rate, (rates × groups), float64.
        number: Rows.
        mean: Mean of each feature.
        scale: Standard deviation of each feature.
        processes: Those that share them.
    """

    chunks: Chunks
    hits: Tensor
    events: Tensor
    sizes: Tensor
    number: int
    mean: Tensor
    scale: Tensor
    processes: Processes

    @classmethod
    def count(
        cls, chunks: Chunks, family: RateFamily, n_groups: int, processes: Processes
    ) -> _Rows:
        """Read all rows once.

        Args:
            chunks: Reads them.
            family: The rates.
            n_groups: Number of groups.
            processes: Those that share them.

        Returns:
            What is known of them.

        Raises:
            DataError: If there are none.
        """
        hits, events = torch.from_numpy(family.hits), torch.from_numpy(family.events)
        sizes = torch.zeros(len(events), n_groups, dtype=torch.float64)
        number, sums, squares, dtype = 0, torch.zeros(0), torch.zeros(0), torch.float32
        with processes.together():
            for features, labels, groups in chunks():
                if not number:
                    dtype = features.dtype
                    sums, squares = torch.zeros(2, features.shape[1], dtype=torch.float64)
                number += len(features)
                values = features.double()
                sums += values.sum(dim=0)
                squares += values.square().sum(dim=0)
                sizes += torch.einsum("ki,is->ks", events[:, labels], _members(groups, n_groups))
        [width] = processes.largest(len(sums))
        if not number:
            sums, squares = torch.zeros(2, width, dtype=torch.float64)
        total = torch.tensor(number)
        processes.sum([total, sums, squares, sizes])
        if not int(total):
            raise DataError("chunks has no rows: give features with classes and groups.")
        mean = sums / total
        scale = (squares / total - mean.square()).clamp_min(0).sqrt().clamp_min(1e-6)
        # All processes have the same dtype, even one without rows.
        double = any(processes.largest(int(dtype == torch.float64)))
        dtype = torch.float64 if double else torch.float32
        return cls(
            chunks, hits, events, sizes, int(total), mean.to(dtype), scale.to(dtype), processes
        )

    def backward(self, layer: nn.Linear, strength: float) -> float:
        """Add the gradient of cross-entropy + strength · penalty to a layer, and return the sum."""
        weights, value = self._penalty_gradient(layer) if strength else (None, 0.0)
        entropy = torch.zeros((), dtype=torch.float64)
        with self.processes.together():
            for features, labels, groups in self.chunks():
                logits = layer(self._standardised(features))
                loss = functional.cross_entropy(logits, labels, reduction="sum") / self.number
                entropy += loss.detach()
                if weights is not None:
                    rates = self._hits(logits, labels, groups) / self.sizes.clamp_min(1)
                    loss = loss + strength * (weights * rates).sum()
                loss.backward()
        gradients = [
            p.grad if p.grad is not None else torch.zeros_like(p)
            for p in (layer.weight, layer.bias)
        ]
        self.processes.sum([entropy, *gradients])
        layer.weight.grad, layer.bias.grad = gradients
        return float(entropy) + strength * value

    @torch.no_grad()
    def _penalty_gradient(self, layer: nn.Linear) -> tuple[Tensor, float]:
        """Return ∂P/∂r, (rates × groups), and P at the present rates."""
        hits = torch.zeros_like(self.sizes)
        with self.processes.together():
            for features, labels, groups in self.chunks():
                hits += self._hits(layer(self._standardised(features)), labels, groups)
        self.processes.sum([hits])
        with torch.enable_grad():
            rates = (hits / self.sizes.clamp_min(1)).requires_grad_()
            value = squared_gaps(rates, self.sizes > 0)
            [weights] = torch.autograd.grad(value, [rates])
        return weights, float(value)

    def _hits(self, logits: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """Sum what counts for each rate over the rows of each group, (rates × groups)."""
        probabilities = logits.softmax(dim=1).double()
        credit = torch.einsum("kci,ic->ki", self.hits[:, :, labels], probabilities)
        return torch.einsum("ki,is->ks", credit, _members(groups, self.sizes.shape[1]))

    def _standardised(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.scale


def _members(groups: Tensor, n_groups: int) -> Tensor:
    """Which group each row is in, (rows × groups), float64; none for a code of -1."""
    return functional.one_hot(groups + 1, n_groups + 1)[:, 1:].double()
