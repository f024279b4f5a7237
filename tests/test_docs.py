"""Every example of the documentation works: Python runs, commands are understood, links lead on."""

from __future__ import annotations

import importlib.util
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import sklearn
import torch
import typer

from fairfactor.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = {page.name: page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
IMPORTED = re.compile(r"^(?:import|from) (\w+)", re.MULTILINE)

pytestmark = [
    # PEFT asks transformers for a property that transformers has renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


def blocks(page: str, language: str) -> Iterator[tuple[str, str]]:
    """Place, as page:line, and text of every block of a language."""
    text = PAGES[page].read_text(encoding="utf-8")
    for match in re.finditer(rf"^( *)```{language}\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 1
        yield f"{page}:{line}", textwrap.dedent(match[2])


def commands() -> Iterator[tuple[str, str]]:
    """Place and text of every line of a shell block, continued lines joined."""
    for page in PAGES:
        for place, text in blocks(page, "sh"):
            for line in text.replace("\\\n", " ").splitlines():
                if line.strip():
                    yield place, line


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, "python"))])
def test_the_python_of_a_page_runs_from_top_to_bottom(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    namespace = {"__name__": "__main__"}
    with sklearn.config_context():
        for place, code in blocks(page, "python"):
            for package in sorted(set(IMPORTED.findall(code))):
                if importlib.util.find_spec(package) is None:
                    pytest.skip(f"{place} needs {package}: make test installs it")
            exec(compile(code, place, "exec"), namespace)


@pytest.mark.parametrize(("place", "line"), list(commands()))
def test_a_command_is_one_that_there_is(place: str, line: str) -> None:
    program, *arguments = shlex.split(line, comments=True)
    if program == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(arguments) <= set(targets)
        return
    assert program == "fairfactor"
    understand(arguments)


def understand(arguments: list[str]) -> None:
    """Let the command line parse a command without running it."""
    group = typer.main.get_command(app)
    name, *rest = arguments
    command = group.commands.get(name)  # type: ignore[attr-defined]
    assert command is not None, f"fairfactor has no command {name!r}"
    try:
        command.make_context(name, rest)
    except Exception as error:  # typer has a click of its own, whose errors have no public name
        pytest.fail(f"fairfactor {shlex.join(arguments)}: {getattr(error, 'message', error)}")


@pytest.mark.parametrize(
    "line", ["mitigate", "tune --constrain x", "predict", "run --seeds many", "info a b"]
)
def test_a_command_that_there_is_not_would_be_found(line: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception), match=line.split()[0]):
        understand(shlex.split(line))


def test_every_page_is_reached_from_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = re.findall(r"^ +- [^#\n]*?: ([\w-]+\.md)$", text, re.MULTILINE)
    waiting = re.findall(r"^ +# - .*?: ([\w-]+\.md)$", text, re.MULTILINE)
    written = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert set(pages) == written, "add the page to nav, or its line is still a comment"
    assert not set(waiting) & written


def test_there_are_examples() -> None:
    pages = {page for page in PAGES if any(blocks(page, "python"))}
    assert pages >= {"README.md", "index.md", "engine.md", "scikit-learn.md", "own-model.md"}
    assert len(list(commands())) > 10
