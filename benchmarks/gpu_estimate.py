"""The cost model on paper for large language models on GPUs; nothing of it is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.cost_model import randomized_factorization

from fairfactor.importance.forms import prefers_direct_form

GPUS = (8, 32, 128, 512)
HALF_RATE = 0.4 * 989e12
"""Operations a second in bfloat16: 40 % of the 989 TFLOP/s that an H100's data sheet states."""
SINGLE_RATE = 0.5 * 67e12
"""In float32, in which the sums of squares are taken: half of the data sheet's 67 TFLOP/s."""
DOUBLE_RATE = 0.3 * 67e12
"""In float64 by tensor cores, in which is factorised: 30 % of the data sheet's 67 TFLOP/s."""
WITHIN_NODE, BETWEEN_NODES = 450e9, 50e9
"""Bytes a second that a GPU exchanges: NVLink among 8 GPUs, 400 Gbit/s between nodes."""
GIB = 2**30


@dataclass(frozen=True)
class LanguageModel:
    """A decoder: blocks of attention and of a gated feed-forward layer.

    Attributes:
        name: What it is called.
        width: d.
        blocks: Number of blocks.
        hidden: Width of the feed-forward layer.
        keys: Width of keys and of values.
        batch: Samples of a GPU at a time.
    """

    name: str
    width: int
    blocks: int
    hidden: int
    keys: int
    batch: int

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(in, out) of the linear layers of a block."""
        d, h = self.width, self.hidden
        return [(d, d), (d, self.keys), (d, self.keys), (d, d), (d, h), (d, h), (h, d)]

    @property
    def parameters(self) -> int:
        return self.blocks * sum(inputs * outputs for inputs, outputs in self.layers)


MODELS = (
    LanguageModel("7 billion", 4096, 32, 11008, 4096, batch=4),
    LanguageModel("70 billion", 8192, 80, 28672, 1024, batch=1),
)
SAMPLES, TOKENS, NUMBER_OF_GROUPS = 10_000, 2048, 10


def fisher(model: LanguageModel, gpus: int) -> dict[str, float]:
    """Row importance of all layers, model and samples sharded over all GPUs."""
    samples = math.ceil(SAMPLES / gpus)
    attention = 4.0 * TOKENS * model.width * model.blocks
    once = 2.0 * model.parameters + attention
    sums = 0.0
    for inputs, outputs in model.layers:
        direct = prefers_direct_form(TOKENS, inputs, outputs, ("row_importance",))
        gram = 2.0 * TOKENS * 0.625 * (inputs + outputs)  # four blocks: 5/8 of T²
        sums += model.blocks * (2.0 * inputs * outputs if direct else gram)
    passes = samples * TOKENS * 2 * once / HALF_RATE
    squares = samples * TOKENS * sums / SINGLE_RATE
    gathered = 2 * 2.0 * model.parameters * math.ceil(samples / model.batch) * (1 - 1 / gpus)
    reduced = 2 * 8.0 * NUMBER_OF_GROUPS * model.blocks * sum(i for i, _ in model.layers)
    link = WITHIN_NODE if gpus <= 8 else BETWEEN_NODES
    block = 2.0 * model.parameters / model.blocks
    activations = 34.0 * model.batch * TOKENS * model.width * model.blocks
    return {
        "passes, s": passes,
        "squares, s": squares,
        "exchange, s": (gathered + reduced) / link,
        "bytes exchanged": gathered + reduced,
        "memory": 2.0 * model.parameters / gpus + 2 * block + activations + reduced / 2,
    }


def factorization(model: LanguageModel, gpus: int) -> float:
    """Seconds for all layers at an eighth of the smaller side, each on one GPU, in turns."""
    rank_share, total, slowest = 8, 0.0, 0.0
    for inputs, outputs in model.layers:
        side = min(inputs, outputs)
        cost = randomized_factorization(side, side // rank_share, max(inputs, outputs))
        seconds = cost.operations / DOUBLE_RATE
        total += model.blocks * seconds
        slowest = max(slowest, seconds)
    gathered = 2.0 * model.parameters / (WITHIN_NODE if gpus <= 8 else BETWEEN_NODES)
    return max(total / gpus, slowest) + gathered


def factors(model: LanguageModel) -> int:
    """Parameters of the factors at an eighth of the smaller side."""
    return model.blocks * sum(min(i, o) // 8 * (i + o) for i, o in model.layers)


def tokens_per_second(model: LanguageModel, gpus: int, *, training: bool) -> float:
    """With the factors in place; the gap penalty adds two small sums a step."""
    attention = 4.0 * TOKENS * model.width * model.blocks
    operations = (3 if training else 1) * (2.0 * factors(model) + attention)
    return gpus * HALF_RATE / operations
