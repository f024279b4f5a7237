"""What each box costs: operations, elements, bytes in memory and bytes between processes.

A transformer has ``blocks`` blocks of width d with linear layers of P = 12 d² weights in all: four
of d × d, one of 4d × d, one of d × 4d. A sample has T tokens. On a processor of rate R (operations
a second) and B (elements a second that are read, changed and written), with a time C for each
block and pass, a box takes

    seconds = operations / R + elements / B + blocks · passes · C

`fit` finds R, B and C of each box from measured points. Operations count a multiplication and an
addition as two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from fairfactor.factorization.randomized import (
    LEAST_OVERSAMPLING,
    OVERSAMPLING,
    POWER_ITERATIONS,
    PROBE_POWERS,
    PROBES,
)
from fairfactor.importance.forms import prefers_direct_form


@dataclass(frozen=True)
class Shape:
    """A transformer and the samples that it is given in one pass.

    Attributes:
        width: d.
        blocks: Number of blocks.
        tokens: T of a sample.
        samples: Number of samples.
        groups: Number of groups.
    """

    width: int
    blocks: int
    tokens: int
    samples: int
    groups: int = 4

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(in, out) of each linear layer."""
        d = self.width
        return [*[(d, d)] * 4, (d, 4 * d), (4 * d, d)] * self.blocks

    @property
    def parameters(self) -> int:
        return sum(inputs * outputs for inputs, outputs in self.layers)

    @property
    def all_tokens(self) -> int:
        return self.tokens * self.samples

    @property
    def attention(self) -> float:
        """Operations of scores and mixing in a forward pass."""
        return 4.0 * self.all_tokens * self.tokens * self.width * self.blocks

    @property
    def activations(self) -> float:
        """Numbers that a forward pass writes: outputs of layers, norms, scores of 64 per head."""
        scores = self.tokens * self.width / 64 * 3
        return self.blocks * self.all_tokens * (18.0 * self.width + scores)


@dataclass(frozen=True)
class Cost:
    """Terms of the time; see the module."""

    operations: float
    elements: float
    calls: float

    def seconds(self, rates: Sequence[float]) -> float:
        terms = (self.operations, self.elements, self.calls)
        return sum(term * rate for term, rate in zip(terms, rates, strict=True))


def forward(shape: Shape) -> Cost:
    """Evaluation and feature extraction: 2 P operations a token."""
    operations = 2.0 * shape.parameters * shape.all_tokens + shape.attention
    return Cost(operations, shape.activations, shape.blocks)


def training_step(shape: Shape) -> Cost:
    """Forward, gradients of inputs and of weights: 6 P a token; the latter are written."""
    once = forward(shape)
    elements = 2.5 * shape.activations + 3.0 * shape.parameters
    return Cost(3 * once.operations, elements, 3 * shape.blocks)


def fisher(shape: Shape) -> Cost:
    """Forward and gradients of inputs, 4 P a token, and ρ of every layer; no weight gradient.

    ρ needs the smaller of G_i itself, 2 T · in · out, and its Gram form, about T² (in + out).
    """
    once = forward(shape)
    operations, elements = 2 * once.operations, 2 * once.elements
    for inputs, outputs in shape.layers:
        if prefers_direct_form(shape.tokens, inputs, outputs, ("row_importance",)):
            operations += 2.0 * shape.all_tokens * inputs * outputs
            elements += 3.0 * shape.samples * inputs * outputs
        else:
            blocks = min(4, max(1, shape.tokens // 64))
            share = (blocks + 1) / (2 * blocks)
            operations += 2.0 * shape.all_tokens * shape.tokens * share * (inputs + outputs)
            elements += shape.all_tokens * (shape.tokens * share + 3.0 * inputs)
    return Cost(operations, elements, 3 * shape.blocks)


def exact_factorization(width: int) -> Cost:
    """A singular value decomposition of d × d in float64: about 22 d³ (Golub and Van Loan)."""
    return Cost(22.0 * width**3, 4.0 * width**2, 1)


def randomized_factorization(width: int, rank: int, columns: int | None = None) -> Cost:
    """2 d² for each column of each product with the matrix: the range finder and its bound."""
    columns = columns or width
    oversampled = rank + max(LEAST_OVERSAMPLING, OVERSAMPLING * rank)
    products = (2 * POWER_ITERATIONS + 2) * oversampled + 2 * rank + 2 * PROBE_POWERS * PROBES
    orthogonal = (POWER_ITERATIONS + 2) * 4.0 * oversampled**2 * max(width, columns)
    return Cost(2.0 * width * columns * products + orthogonal, 6.0 * width * columns, 1)


def fit(costs: Sequence[Cost], seconds: Sequence[float]) -> tuple[float, ...]:
    """Find 1/R, 1/B and C, none negative, with the least squares of the relative errors."""
    terms = np.array([[c.operations, c.elements, c.calls] for c in costs])
    weighted = terms / np.array(seconds)[:, None]
    scale = np.maximum(weighted.max(axis=0), 1e-300)
    rates, _ = nnls(weighted / scale, np.ones(len(costs)))
    return tuple((rates / scale).tolist())


def fisher_sums(shape: Shape) -> float:
    """Bytes of the sums of row importance, float64: 8 G Σ in, whatever the rows."""
    return 8.0 * shape.groups * sum(inputs for inputs, _ in shape.layers)


def fisher_bytes_moved(shape: Shape) -> float:
    """Bytes that a process gives to the reduction: its sums once, and three small integers."""
    return fisher_sums(shape) + 8.0 * (shape.groups + len(shape.layers))
