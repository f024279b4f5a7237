"""Every Python block of the documentation runs as it stands, in a folder of its own."""

from __future__ import annotations

import importlib.util
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
IMPORTED = re.compile(r"^(?:import|from) (\w+)", re.MULTILINE)

pytestmark = [
    # PEFT asks transformers for a property that transformers has renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


def blocks() -> Iterator[tuple[str, str]]:
    """Place, as page:line, and code of every block."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{page.name}:{line}", textwrap.dedent(match[2])


BLOCKS = dict(blocks())


@pytest.mark.parametrize("place", BLOCKS)
def test_block_runs(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = BLOCKS[place]
    for package in sorted(set(IMPORTED.findall(code))):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    exec(compile(code, place, "exec"), {"__name__": "__main__"})


def test_there_are_blocks() -> None:
    assert {place.split(":")[0] for place in BLOCKS} >= {"README.md", "index.md", "engine.md"}
