"""Start several processes that exchange sums over gloo, as torchrun does."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
PATHS = [str(HERE), str(HERE.with_name("importance")), str(HERE.with_name("feature_extraction"))]


def launch(script: str, number: int, folder: Path, seconds: int = 120) -> list[int]:
    """Run ``script RANK NUMBER FOLDER`` in each process.

    Returns:
        The exit codes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [*PATHS, *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    command = [sys.executable, str(HERE / script)]
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


def imported(script: str) -> ModuleType:
    """Return the script as a module, to do the same work here."""
    spec = importlib.util.spec_from_file_location(Path(script).stem, HERE / script)
    module = importlib.util.module_from_spec(spec)
    sys.path[:0] = PATHS
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.path[: len(PATHS)]
    return module
