"""The example gives the same under each launcher as alone."""

from __future__ import annotations

import importlib.util
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "several_processes.py"
LAUNCHERS = {
    "torch": ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"],
    "accelerate": [
        *("accelerate.commands.launch", "--cpu", "--num_processes", "2"),
        *("--main_process_port", "0"),
    ],
}


@pytest.mark.parametrize("name", LAUNCHERS)
def test_result_is_that_of_one_process(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"needs {name}: make test installs it")
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    alone = capsys.readouterr().out
    assert alone.startswith("accuracy 0.8")
    done = subprocess.run(
        [sys.executable, "-m", *LAUNCHERS[name], EXAMPLE],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout == alone, done.stderr
    assert done.returncode == 0, done.stderr
