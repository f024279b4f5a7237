from __future__ import annotations

import ast

import pytest
from tests.reproduction import small_study

from fairfactor.errors import ArgumentError
from fairfactor.reproduction.code import code_version, used_definitions
from fairfactor.reproduction.registry import STUDIES

MODULE = """
from math import pi
LIMIT: int = 3
SCALE = 2.0
TITLE = "a"
def helper(x):
    return x * SCALE
class Model:
    limit = LIMIT
def run(x):
    return helper(x) + Model.limit
def report(x):
    return TITLE, run(x)
"""


def names(text: str, name: str) -> list[str]:
    return [ast.unparse(node).split("\n")[0] for node in used_definitions(ast.parse(text), name)]


def test_what_a_function_uses_is_found_through_others() -> None:
    assert names(MODULE, "run") == [
        "LIMIT: int = 3",
        "SCALE = 2.0",
        "def helper(x):",
        "class Model:",
        "def run(x):",
    ]
    assert "TITLE = 'a'" in names(MODULE, "report")


def test_functions_that_call_each_other_end() -> None:
    assert len(names("def a():\n    b()\ndef b():\n    a()\n", "a")) == 2


@pytest.mark.parametrize("rooms", [(), ("protocol.py",)])
def test_the_version_repeats_and_depends_on_the_rooms(rooms: tuple[str, ...]) -> None:
    assert code_version(small_study.run, rooms) == code_version(small_study.run, rooms)
    assert code_version(small_study.run, ("mitigation",)) != code_version(small_study.run, rooms)


def test_the_version_depends_on_the_function() -> None:
    assert code_version(small_study.run) != code_version(small_study.report)


def test_a_room_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="rooms='attic'"):
        code_version(small_study.run, ("attic",))


@pytest.mark.parametrize("name", STUDIES)
def test_the_rooms_of_every_study_are_there(name: str) -> None:
    assert code_version(STUDIES[name].run, STUDIES[name].rooms)
