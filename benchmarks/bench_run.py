"""Time the default run from a fresh process, and each part of it.

Run ``python -m benchmarks.bench_run`` on an otherwise idle machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.environment import describe_environment

RESULT = Path(__file__).parent / "results" / "run.json"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        start = perf_counter()
        command = [sys.executable, "-m", "fairfactor", "run", "--out", str(out), "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = perf_counter() - start
        metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    parts = metrics["seconds"]
    wall = parts.pop("total")
    result = {
        "what": "fairfactor run: 5 methods, 2 ranks, 10 seeds, Adult, pre-training included",
        "whole process, wall seconds": round(seconds, 1),
        "study, wall seconds": round(wall, 1),
        "parts, processor seconds over all seeds": {k: round(v, 2) for k, v in parts.items()},
        "environment": describe_environment(),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
