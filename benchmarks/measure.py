"""Processor seconds, ratios within a run, memory of processes; shared by the benchmarks."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.environment import describe_environment

from fairfactor.files import atomic_write_text

RESULTS = Path(__file__).parent / "results"
Step = Callable[[], object]


def processor_seconds(step: Step) -> float:
    start = time.thread_time()
    step()
    return time.thread_time() - start


def race(candidates: Mapping[str, Step], rounds: int) -> dict[str, list[float]]:
    """Return the processor seconds of each candidate in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for index in range(rounds + 1):
        for name, step in candidates.items():
            taken = processor_seconds(step)
            if index:  # the first round warms up
                seconds[name].append(taken)
    return seconds


def median_ratio(over: Sequence[float], under: Sequence[float]) -> float:
    return round(median(a / b for a, b in zip(over, under, strict=True)), 3)


def growth_exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log(seconds) over log(size) between the two largest sizes."""
    (low, high), (fast, slow) = sizes[-2:], seconds[-2:]
    return round(math.log(slow / fast) / math.log(high / low), 2)


def resident_mib(entry: str) -> float:
    """Read VmRSS (now), VmHWM (highest) or RssAnon of this process; Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry)) / 1024


def forget_highest() -> None:
    """Let VmHWM start again from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def apart(module: str, *arguments: object) -> Any:
    """Run ``python -m benchmarks.MODULE ARGUMENTS`` and read the JSON of its last line."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def write(name: str, result: Mapping[str, Any]) -> None:
    found = {**result, "environment": describe_environment()}
    atomic_write_text(RESULTS / f"{name}.json", json.dumps(found, indent=1) + "\n")
    print(f"{name}.json written", flush=True)
