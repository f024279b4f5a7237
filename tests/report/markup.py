"""What the tests of the pages share: a strict reader of HTML, and damage to do to a run."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from tests.report.example import METRICS

HOSTILE = "</script></style></title><img src=x onerror=alert(1)>\"'{{ 7 * 7 }}&amp;"
KEPT = {"tuning", "peers", "head-tuning", "plain-svd", "<=", ">="}
FREE = {("splits",), ("environment",), ("summary",), ("differences",)}  # any names of entries
FREE |= {("validation",), ("test",), ("on_frontier",), ("ours",)}
OPTIONAL = {"sd", "n", "p_value", "code", "kind"}
OPTIONAL |= {"calibration", "single_features", "columns", "leakage"}  # not in older runs
OPTIONAL |= {"training_losses", "validation_losses"}
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """The elements, their attributes and the text of a page; fails if tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in {"script", "style"}:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def with_every_text(value: object, text: str) -> Any:
    """A copy in which every string that nothing depends on is ``text``."""
    kept = KEPT | {metric["key"] for metric in METRICS}
    if isinstance(value, dict):
        return {key: with_every_text(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [with_every_text(item, text) for item in value]
    return text if isinstance(value, str) and value not in kept else value


def with_every_leaf_null(value: object) -> Any:
    """A copy with the same keys and lists in which every value but format and kind is null."""
    if isinstance(value, dict):
        return {
            key: item if key in {"format", "kind"} else with_every_leaf_null(item)
            for key, item in value.items()
        }
    return [with_every_leaf_null(item) for item in value] if isinstance(value, list) else None


def required_keys(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of the keys whose absence is an error; the last item of a list stands for all."""
    if isinstance(value, list) and value:
        yield from required_keys(value[-1], (*path, len(value) - 1))
    elif isinstance(value, dict):
        names_are_free = (
            path == ("seconds",)
            or path[-1:] in FREE
            or path[-2:-1] in {("differences",), ("seeds",)}
        )
        for key, item in value.items():
            if not names_are_free and key not in OPTIONAL:
                yield (*path, key)
            yield from required_keys(item, (*path, key))
