"""Start several processes that exchange sums over gloo, as torchrun does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def launch(script: str, number: int, folder: Path, seconds: int = 120) -> list[int]:
    """Run ``script RANK NUMBER FOLDER`` in each process.

    Returns:
        The exit codes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [TESTS / "importance", TESTS / "feature_extraction"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [*map(str, paths), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    command = [sys.executable, str(Path(__file__).with_name(script))]
    workers = [
        subprocess.Popen([*command, str(rank), str(number), str(folder)], env=environment)
        for rank in range(number)
    ]
    try:
        return [worker.wait(seconds) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
