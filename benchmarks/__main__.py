"""Run benchmarks, each in a fresh process: ``python -m benchmarks``, or the ones that are named.

The ablation and the texts take long, so they run only if they are named:
``python -m benchmarks ablation``. That of factorised networks for images has options of its own:
``python -m benchmarks.bench_low_rank_images --help``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ONLY_BY_NAME = {"ablation", "low_rank_images", "text", "text_models"}


def main(names: list[str]) -> None:
    found = {p.stem.removeprefix("bench_") for p in Path(__file__).parent.glob("bench_*.py")}
    if unknown := sorted(set(names) - found):
        sys.exit(f"no benchmark {', '.join(unknown)}: there are {', '.join(sorted(found))}.")
    for name in names or sorted(found - ONLY_BY_NAME):
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.bench_{name}"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
