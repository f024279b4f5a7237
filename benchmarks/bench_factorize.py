"""Exact against randomised factorisation of large layers, and of a model of them.

Every measurement runs in a process of its own, so that its peak memory is its own. The weights are
Gaussian; the input importance falls as 1 / j, which gives the weighted weight a slowly falling
spectrum, the hard case of a random projection. On a shared machine run it with OMP_NUM_THREADS=1
and read the processor's seconds.

The whole model has blocks of a 4096 x 4096 and a 11008 x 4096 layer. `factorize_model`
measures them, spends one budget on all, a twentieth of their weights, and replaces them. The
weights are Gaussian, rows and columns scaled by i^-1/2.

    python benchmarks/bench_factorize.py --sizes 1024 2048 4096 --limit 600
    python benchmarks/bench_factorize.py --sizes --model
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

import fairfactor
from fairfactor.factorization import factorize, truncation
from fairfactor.rank import ParameterBudget
from fairfactor.weighting import Neutralized
from fairfactor.whole_model import factorize_model

RANK_SHARES = (32, 8)


def problem(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(size, size, generator=generator) / size**0.5
    return weight, 1 / torch.arange(1, size + 1, dtype=torch.float64)


def peak_memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(size: int, rank: int, method: str) -> dict[str, float | int | str | None]:
    weight, importance = problem(size)
    factorize(weight[:64, :64], 8, method=method)  # loads the libraries
    before = peak_memory_mib()
    start, start_busy = time.perf_counter(), time.process_time()
    factors = factorize(weight, rank, input_metric=importance, method=method)
    seconds, busy = time.perf_counter() - start, time.process_time() - start_busy
    memory = peak_memory_mib() - before
    root = importance.sqrt()
    error = (factors.change(weight) * root).norm() / (weight * root).norm()
    return {
        "size": size,
        "rank": rank,
        "method": method,
        "seconds": round(seconds, 3),
        "processor_seconds": round(busy, 3),
        "memory_mib": round(memory, 1),
        "weighted_error": float(error),
        "error_bound": factors.error_bound,
    }


class Block(nn.Module):
    """The shapes of a block of a 7-billion language model; pooling takes the place of the way back.

    Args:
        width: Width of the model.
        hidden: Width within the block.
        generator: Of the weights.
    """

    def __init__(self, width: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.mix = nn.Linear(width, width, bias=False)
        self.widen = nn.Linear(width, hidden, bias=False)
        with torch.no_grad():
            for layer in (self.mix, self.widen):
                rows, columns = (
                    torch.arange(1, size + 1).float().rsqrt() for size in layer.weight.shape
                )
                draws = torch.randn(layer.weight.shape, generator=generator)
                layer.weight.copy_(draws * rows[:, None] * columns)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        wide = self.widen(torch.relu(self.mix(inputs)))
        return inputs + functional.adaptive_avg_pool1d(wide, inputs.shape[1])


def measure_model(method: str, number: int, width: int, hidden: int) -> dict[str, object]:
    generator = torch.Generator().manual_seed(0)
    blocks = [Block(width, hidden, generator) for _ in range(number)]
    model = nn.Sequential(*blocks).eval()
    inputs = torch.randn(16, width, generator=generator)
    batches = [(inputs, torch.arange(16), torch.arange(16) % 2)]
    weights = sum(parameter.numel() for parameter in model.parameters())
    if method == "exact":
        truncation.RANDOMIZED_FROM = sys.maxsize
    before = peak_memory_mib()
    start, start_busy = time.perf_counter(), time.process_time()
    result = factorize_model(
        model, batches, weighting=Neutralized(), rank=ParameterBudget(weights // 20)
    )
    seconds, busy = time.perf_counter() - start, time.process_time() - start_busy
    return {
        "method": method,
        "blocks": number,
        "width": width,
        "hidden": hidden,
        "weights_before": weights,
        "weights_after": sum(parameter.numel() for parameter in model.parameters()),
        "seconds": round(seconds, 1),
        "processor_seconds": round(busy, 1),
        "memory_mib": round(peak_memory_mib() - before, 1),
        "layers": {
            name: {
                "rank": layer.replacement.rank,
                "kept_energy": layer.kept_energy,
                "error_bound": layer.error_bound,
            }
            for name, layer in result.items()
            if layer.replacement
        },
    }


def measure_apart(limit: float, option: str, *arguments: object) -> dict[str, object]:
    command = [sys.executable, __file__, option, *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"arguments": arguments, "seconds": None, "limit": limit}
    return json.loads(done.stdout)


def processor() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor()


def environment() -> dict[str, object]:
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 2),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "fairfactor": fairfactor.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1024, 2048, 4096])
    parser.add_argument("--model", action="store_true", help="measure the whole model, too")
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--widths", type=int, nargs=2, default=[4096, 11008])
    parser.add_argument("--limit", type=float, default=600.0, help="seconds per measurement")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--one-model", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "factorize.json"
    )
    arguments = parser.parse_args()
    if arguments.one:
        size, rank, method = arguments.one
        print(json.dumps(measure(int(size), int(rank), method)))
        return
    if arguments.one_model:
        method, *sizes = arguments.one_model
        print(json.dumps(measure_model(method, *map(int, sizes))))
        return
    result: dict[str, object] = {}
    if arguments.output.exists():  # what is not measured anew is kept, with its environment
        result = json.loads(arguments.output.read_text())
    if arguments.sizes:
        result |= {"environment": environment(), "measurements": measure_layers(arguments)}
    if arguments.model:
        result["whole_model"] = {"environment": environment(), "measurements": []}
        for method in ("randomized", "exact"):
            sizes = (arguments.blocks, *arguments.widths)
            row = measure_apart(arguments.limit, "--one-model", method, *sizes)
            result["whole_model"]["measurements"].append(row)
            print(row, flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")


def measure_layers(arguments: argparse.Namespace) -> list[dict[str, object]]:
    rows = []
    for size in arguments.sizes:
        for share in RANK_SHARES:
            for method in ("exact", "randomized"):
                row = measure_apart(arguments.limit, "--one", size, size // share, method)
                rows.append(row)
                print(row, flush=True)
    return rows


if __name__ == "__main__":
    main()
