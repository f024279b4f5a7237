"""Measure the boxes on transformers of several sizes, fit `benchmarks.cost_model`, check it.

Times are the least processor seconds of one thread over some rounds, memory the growth of the peak
resident size of a process of its own. Points marked as held out are not fitted; the largest of
each kind is among them. Bytes between processes are counted at the one place where they leave.

    python -m benchmarks.bench_cost
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from benchmarks import cost_model
from benchmarks.bench_importance import Block
from benchmarks.cost_model import Cost, Shape
from benchmarks.measure import RESULTS, Step, apart, forget_highest, race, resident_mib, write
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.distributed import Processes
from fairfactor.factorization import factorize
from fairfactor.importance import group_fisher

FITTED = (
    Shape(128, 4, 64, 16),
    Shape(192, 4, 128, 8),
    Shape(256, 2, 32, 32),
    Shape(256, 4, 128, 4),
    Shape(320, 2, 64, 16),
    Shape(384, 3, 128, 4),
    Shape(448, 2, 64, 8),
    Shape(512, 2, 128, 4),
)
HELD_OUT = (Shape(320, 4, 96, 6), Shape(640, 3, 128, 4))
MEMORY_FITTED, MEMORY_HELD_OUT = FITTED[1::2], HELD_OUT
EXACT = (((256, 32), (384, 48), (512, 64), (768, 96)), ((640, 80), (1024, 128)))
RANDOMIZED = (((1024, 32), (1024, 128), (1536, 64), (2048, 64)), ((1536, 96), (2560, 80)))


KINDS = ("boxes", "factorize", "memory")
Measured = dict[str, dict[str, float]]


class Encoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        heads = max(1, shape.width // 64)
        self.blocks = nn.Sequential(*(Block(shape.width, heads) for _ in range(shape.blocks)))
        self.head = nn.Linear(shape.width, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.blocks(inputs)[:, 0])


class Work:
    """The boxes that run the model, on one batch."""

    def __init__(self, shape: Shape) -> None:
        torch.manual_seed(0)
        self.model = Encoder(shape).eval()
        self.inputs = torch.randn(shape.samples, shape.tokens, shape.width)
        self.targets = torch.arange(shape.samples) % 2
        self.groups = torch.arange(shape.samples) % shape.groups

    def forward(self) -> None:
        with torch.no_grad():
            self.model(self.inputs)

    def training_step(self) -> None:
        self.model.zero_grad()
        functional.cross_entropy(self.model(self.inputs), self.targets).backward()

    def fisher(self, processes: Processes | None = None) -> None:
        batches = [(self.inputs, self.targets, self.groups)]
        options = {"processes": processes} if processes else {}
        group_fisher(self.model, batches, layers="blocks.*", **options)


@dataclass(frozen=True)
class Counting(Processes):
    """One process that counts what it would give to the others."""

    counted: tuple[list[int], ...] = ([],)

    def sum(self, tensors: Sequence[Tensor]) -> None:
        self.counted[0].append(sum(tensor.nbytes for tensor in tensors))


BOXES: dict[str, Callable[[Shape], Cost]] = {
    "forward": cost_model.forward,
    "training_step": cost_model.training_step,
    "fisher": cost_model.fisher,
}


def times(shape: Shape, rounds: int) -> dict[str, float]:
    work = Work(shape)
    steps: dict[str, Step] = {name: getattr(work, name) for name in BOXES}
    return {name: min(found) for name, found in race(steps, rounds).items()}


def factorization_time(width: int, rank: int, method: str, rounds: int) -> float:
    weight = torch.randn(width, width, generator=torch.Generator().manual_seed(0))
    metric = 1 / torch.arange(1, width + 1, dtype=torch.float64)
    step = partial(factorize, weight, rank, input_metric=metric, method=method)
    return min(race({"one": step}, rounds)["one"])


def memory(box: str, shape: Shape) -> float:
    """Growth of the peak in MiB, in a process of its own."""
    small = Work(Shape(64, 1, 8, 4))
    getattr(small, box)()  # loads what is loaded once
    work = Work(shape)
    forget_highest()
    before = resident_mib("VmRSS")
    getattr(work, box)()
    return resident_mib("VmHWM") - before


def compared(
    fitted: dict[str, tuple[Cost, float]], held_out: dict[str, tuple[Cost, float]]
) -> dict[str, Any]:
    """Fit some points and predict all of them."""
    rates = cost_model.fit(*zip(*fitted.values(), strict=True))
    rows = [
        {
            "point": name,
            "held out": name in held_out,
            "measured": float(f"{seconds:.3g}"),
            "predicted": float(f"{cost.seconds(rates):.3g}"),
            "error, %": round(100 * (cost.seconds(rates) / seconds - 1), 1),
        }
        for name, (cost, seconds) in {**fitted, **held_out}.items()
    ]
    worst = max(abs(row["error, %"]) for row in rows if row["held out"])
    return {"rates": rates, "worst held-out error, %": worst, "points": rows}


def matrix(width: int, rank: int) -> str:
    return f"{width} × {width}, rank {rank}"


def label(shape: Shape) -> str:
    return (
        f"width {shape.width}, {shape.blocks} blocks, {shape.samples} samples of "
        f"{shape.tokens} tokens"
    )


def memory_cost(box: str, shape: Shape) -> Cost:
    """Bytes instead of operations: activations, weights, and the sums of the Fisher information.

    Without gradients, the activations of one block at a time are there.
    """
    weights = 4.0 * shape.parameters if box == "training_step" else 0.0
    sums = cost_model.fisher_sums(shape) if box == "fisher" else 0.0
    kept = shape.activations / (shape.blocks if box == "forward" else 1)
    return Cost(4 * kept, weights + sums, 2.0**20)


def bytes_moved(shape: Shape) -> dict[str, Any]:
    counting = Counting(counted=([],))
    Work(shape).fisher(counting)
    return {
        "point": label(shape),
        "counted": sum(counting.counted[0]),
        "predicted": int(cost_model.fisher_bytes_moved(shape)),
    }


def measure(kind: str, rounds: int) -> Measured:
    """Seconds or MiB of one kind of point by box and label."""
    found: Measured = {}
    for shape in (*FITTED, *HELD_OUT) if kind == "boxes" else ():
        for box, seconds in times(shape, rounds).items():
            found.setdefault(box, {})[label(shape)] = seconds
    methods = (("exact", EXACT), ("randomized", RANDOMIZED))
    for method, points in methods if kind == "factorize" else ():
        for width, rank in (*points[0], *points[1]):
            seconds = factorization_time(width, rank, method, 2)
            found.setdefault(f"factorize, {method}", {})[matrix(width, rank)] = seconds
    for box in BOXES if kind == "memory" else ():
        for shape in (*MEMORY_FITTED, *MEMORY_HELD_OUT):
            given = json.dumps(asdict(shape))
            found.setdefault(f"memory of {box}, MiB", {})[label(shape)] = apart(
                "bench_cost", "--memory", box, given
            )
    return found


def fitted(measured: Measured) -> dict[str, Any]:
    """Fit every kind of point, and predict the held-out ones."""
    result: dict[str, Any] = {}
    costs: dict[str, tuple[dict[str, Cost], dict[str, Cost]]] = {
        box: (
            {label(shape): cost(shape) for shape in FITTED},
            {label(shape): cost(shape) for shape in HELD_OUT},
        )
        for box, cost in BOXES.items()
    }
    for method, points, cost in (
        ("exact", EXACT, lambda width, _: cost_model.exact_factorization(width)),
        ("randomized", RANDOMIZED, cost_model.randomized_factorization),
    ):
        costs[f"factorize, {method}"] = tuple(
            {matrix(*point): cost(*point) for point in part} for part in points
        )
    for box in BOXES:
        costs[f"memory of {box}, MiB"] = tuple(
            {label(shape): memory_cost(box, shape) for shape in part}
            for part in (MEMORY_FITTED, MEMORY_HELD_OUT)
        )
    for name, parts in costs.items():
        if name not in measured:
            continue
        pairs = ({key: (cost, measured[name][key]) for key, cost in p.items()} for p in parts)
        result[name] = compared(*pairs)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--memory", nargs=2, metavar=("BOX", "SHAPE"))
    parser.add_argument(
        "--kinds", nargs="*", choices=KINDS, default=KINDS, help="what to measure again; or nothing"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.memory:
        box, shape = options.memory
        print(json.dumps(memory(box, Shape(**json.loads(shape)))))
        return
    path = RESULTS / "cost.json"
    measured = json.loads(path.read_text(encoding="utf-8"))["measured"] if path.exists() else {}
    for kind in options.kinds:
        measured |= measure(kind, options.rounds)
        write("cost", {"measured": measured})
    result = fitted(measured)
    result["bytes between processes, Fisher"] = [bytes_moved(shape) for shape in HELD_OUT]
    write("cost", {**result, "measured": measured})
    for name, found in result.items():
        if "worst held-out error, %" in found:
            print(name, found["worst held-out error, %"])


if __name__ == "__main__":
    main()
