"""Work that is killed at any moment and resumed gives the numbers of work that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.limits import posix
from tests.studies.examples import FROZEN

from fairfactor.run_folder import RunFolder

COMMANDS = {
    "run": ["--seeds", "4", "--workers", "2", "--hidden", "6", "--pretraining-epochs", "3"],
    "tune": ["--recipes", ",".join((*FROZEN, "gap-penalty")), "--hidden", "8,6"],
    "compare": [
        *("--seeds", "2", "--workers", "2", "--recipes", ",".join(FROZEN), "--hidden", "8,6"),
        *("--peers", "unmitigated,gap-penalty-dp,leace", "--settings", "2"),
    ],
}


def start(command: str, people: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    arguments = [command, people, "--target", "hired", "--sensitive", "sex", *COMMANDS[command]]
    return subprocess.Popen(
        [sys.executable, "-m", "fairfactor", *map(str, arguments), "--out", str(out), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors


def numbers(value: Any) -> Any:
    """Results without times."""
    if isinstance(value, dict):
        timed = {"seconds", "environment"}
        return {key: numbers(item) for key, item in value.items() if key not in timed}
    return [numbers(item) for item in value] if isinstance(value, list) else value


def parts(folder: Path) -> list[Path]:
    return list(folder.glob(".fairfactor-*/**/value.json"))


def kill_when(process: subprocess.Popen[str], folder: Path, finished: int, delay: float) -> None:
    """Kill a command once some parts are finished and a little later, or let it end."""
    while process.poll() is None and len(parts(folder)) < finished:
        time.sleep(0.01)
    time.sleep(delay)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


@posix
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_and_resumed_is_as_if_nothing_had_been(
    command: str, people: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "a" / "run", tmp_path / "b" / "run"
    finish(start(command, people, whole))
    source = random.Random(command)
    for finished in (1, 2):
        process = start(command, people, killed, "--resume")
        kill_when(process, killed.parent, finished, source.uniform(0, 0.5))
    assert parts(killed.parent) or killed.exists()
    if not killed.exists():
        finish(start(command, people, killed, "--resume"))
    first, second = RunFolder.open(whole), RunFolder.open(killed)
    assert first.config == second.config
    assert numbers(first.metrics) == numbers(second.metrics)
    tensors = Path("model") / "model.safetensors"
    if (whole / tensors).exists():
        assert (whole / tensors).read_bytes() == (killed / tensors).read_bytes()
    assert not list(killed.parent.glob(".fairfactor-*"))


@posix
def test_an_interrupt_says_that_finished_parts_are_kept(people: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start("run", people, out, "--json", "--epochs", "60")
    while process.poll() is None and not parts(tmp_path):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    if process.returncode == 130:  # else it was done before
        assert "--resume" in json.loads(output)["error"]
        assert not out.exists()
        assert len(list(tmp_path.iterdir())) == 1
