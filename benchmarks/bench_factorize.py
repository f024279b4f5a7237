"""Exact against randomised factorisation of large layers: time, memory and error.

Every measurement runs in a process of its own, so that its peak memory is its own. The weights are
Gaussian; the input importance falls as 1 / j, which gives the weighted weight a slowly falling
spectrum, the hard case of a random projection. On a shared machine run it with OMP_NUM_THREADS=1
and read the processor's seconds.

    python benchmarks/bench_factorize.py --sizes 1024 2048 4096 --limit 600
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

import fairfactor
from fairfactor.factorization import factorize

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


def measure_apart(size: int, rank: int, method: str, limit: float) -> dict[str, object]:
    command = [sys.executable, __file__, "--one", str(size), str(rank), method]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"size": size, "rank": rank, "method": method, "seconds": None, "limit": limit}
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
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--limit", type=float, default=600.0, help="seconds per measurement")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "factorize.json"
    )
    arguments = parser.parse_args()
    if arguments.one:
        size, rank, method = arguments.one
        print(json.dumps(measure(int(size), int(rank), method)))
        return
    result = {"environment": environment(), "measurements": []}
    for size in arguments.sizes:
        for share in RANK_SHARES:
            for method in ("exact", "randomized"):
                row = measure_apart(size, size // share, method, arguments.limit)
                result["measurements"].append(row)
                print(row, flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
