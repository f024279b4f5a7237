"""The version of the code that a cell's numbers follow from."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import fairfactor
from fairfactor.errors import ArgumentError

ROOMS = (
    "data",
    "models",
    "importance",
    "factorization",
    "surgery",
    "groups.py",
    "fairness.py",
    "features.py",
    "finetuning.py",
    "methods.py",
    "neutralization.py",
    "pipeline.py",
    "weighting.py",
    "studies/seed_run.py",
    "reproduction/backbones.py",
    "reproduction/measure.py",
    "reproduction/problem.py",
    "reproduction/problems.py",
)
"""The code that the numbers of every cell follow from: files and folders of the package."""
_DIGITS = 16


def code_version(run: Callable[..., Any], rooms: Sequence[str] = ()) -> str:
    """Digest of the code behind a cell: `ROOMS`, further rooms, and the function that runs it.

    Comments and layout do not count. Of the function's module only what the function uses does, so
    that a change of how results are told does not make them void.

    Args:
        run: A function of a module of the package.
        rooms: Further files or folders within the package.

    Returns:
        The first 16 hexadecimal digits of a SHA-256.
    """
    digest = hashlib.sha256()
    for room in sorted({*ROOMS, *rooms}):
        digest.update(room.encode())
        digest.update(_room(room))
    source = inspect.getsource(inspect.getmodule(run) or run)
    for definition in used_definitions(ast.parse(source), run.__name__):
        digest.update(ast.dump(definition).encode())
    return digest.hexdigest()[:_DIGITS]


def used_definitions(module: ast.Module, name: str) -> Iterator[ast.stmt]:
    """Statements of a module that define a name and everything of the module that it uses.

    Args:
        module: The module.
        name: A name that it defines.

    Yields:
        Statements, in the order of the module.
    """
    definitions = {defined: node for node in module.body for defined in _defined(node)}
    wanted, reached = [name], set()
    while wanted:
        current = wanted.pop()
        if current in reached or current not in definitions:
            continue
        reached.add(current)
        nodes = ast.walk(definitions[current])
        wanted += [node.id for node in nodes if isinstance(node, ast.Name)]
    for node in module.body:
        if reached & set(_defined(node)):
            yield node


@cache
def _room(room: str) -> bytes:
    """Digest of the files of a room.

    Returns:
        32 bytes.

    Raises:
        ArgumentError: If there is no such file or folder in the package.
    """
    package = Path(fairfactor.__file__).parent
    place, digest = package / room, hashlib.sha256()
    if not place.exists():
        raise ArgumentError("rooms", room, "a file or folder of the package")
    for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
        digest.update(str(file.relative_to(package)).encode())
        digest.update(ast.dump(ast.parse(file.read_text(encoding="utf-8"))).encode())
    return digest.digest()


def _defined(node: ast.stmt) -> list[str]:
    """Names that a statement at the top of a module defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []
