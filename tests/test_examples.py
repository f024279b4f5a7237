"""Every script of examples/ runs to its end and prints what it promises."""

from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
PRINTS = {
    "own_table.py": ("plain: accuracy 0.8", "fair: accuracy 0.", "Female: "),
    "grid_search.py": ("demographic_parity<=0.03",),
    "with_fairlearn.py": ("plain network", "thresholds per group"),
    "transformers_trainer.py": ("whole: accuracy 0.", "layers factorised", "loaded: accuracy 0."),
    "several_processes.py": ("accuracy 0.8", "equalized odds difference 0.0"),
    "five_boxes.py": ("pre-trained: accuracy", "at rank", "fine-tuned: accuracy"),
}
NEEDS = {
    "with_fairlearn.py": "fairlearn",
    "five_boxes.py": "transformers",
    "transformers_trainer.py": "accelerate",
}


@pytest.mark.parametrize("name", PRINTS)
def test_it_runs(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = NEEDS.get(name)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"needs {needed}: make test installs it")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    printed = capsys.readouterr().out
    for text in PRINTS[name]:
        assert text in printed
    assert not list(tmp_path.iterdir())


def test_each_is_tested_and_listed() -> None:
    scripts = {path.name for path in FOLDER.glob("*.py")}
    assert scripts == PRINTS.keys()
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in listed for name in scripts)
