from __future__ import annotations

import json

import pytest
from markdown_it import MarkdownIt
from markupsafe import Markup

from fairfactor.report.markdown import as_code, as_markdown, as_yaml

TEXTS = [
    "plain",
    "capital_gain * 2",
    "<script>alert(1)</script>",
    "a | b",
    "- item",
    "+ item",
    "1. item",
    "12) item",
    "# heading",
    "> quote",
    "---",
    "===",
    "~~~",
    "```",
    "[a](b) ![c](d) <http://e> http://f www.g",
    "&amp; &lt;",
    "\\",
    "a\\",
    "{{ 7 * 7 }} $x$",
    "line\n\n# heading",
    "\tcode",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("place", ["{}", "- {}", "x {} y", "| a |\n| --- |\n| {} |"])
def test_a_text_is_only_text(text: str, place: str) -> None:
    source = place.format(as_markdown(text))
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    children = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in children} <= {"text", "text_special"}
    said = "".join(child.content for child in children)
    cell = said.removeprefix("a") if place.startswith("|") else said
    expected = " ".join(text.split())
    assert " ".join(cell.removeprefix("x ").removesuffix(" y").split()) == expected


def test_markup_is_kept() -> None:
    assert as_markdown(Markup("**a**")) == "**a**"


@pytest.mark.parametrize("text", [*TEXTS, '"', "a: b", "\x85\x7f\u2028\ufeff", "😀", "\ud800"])
def test_yaml_reads_a_text_back(text: str) -> None:
    yaml = pytest.importorskip("yaml")
    written = str(as_yaml(text))
    assert json.loads(written) == text
    assert "\n" not in written
    if text != "\ud800":
        assert yaml.safe_load(f"key: {written}") == {"key": text}
    written.encode()


def test_yaml_numbers() -> None:
    assert as_yaml(0.25) == "0.25"


@pytest.mark.parametrize("code", ["a = 1", "```\n# heading", "`" * 9 + "\nx"])
def test_code_ends_where_it_ends(code: str) -> None:
    tokens = MarkdownIt("commonmark").parse(as_code(code, "sh") + "\n\nafter")
    assert tokens[0].type == "fence"
    assert tokens[0].content == code + "\n"
    assert tokens[2].content == "after"
