from __future__ import annotations

import base64
import copy
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.report.example import METRICS, example_config, example_metrics

from fairfactor.errors import SavedModelError
from fairfactor.report import render_report

HOSTILE = "</script></style></title><img src=x onerror=alert(1)>\"'{{ 7 * 7 }}&amp;"
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


def render(metrics: dict[str, Any] | None = None) -> str:
    return render_report(metrics or example_metrics(), example_config())


@pytest.fixture(scope="module")
def example() -> str:
    return render()


def with_every_text(value: object, text: str) -> Any:
    """A copy in which every string that is not a key of a metric is ``text``."""
    kept = {metric["key"] for metric in METRICS} | {"head-tuning", "plain-svd"}
    if isinstance(value, dict):
        return {key: with_every_text(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [with_every_text(item, text) for item in value]
    return text if isinstance(value, str) and value not in kept else value


def with_every_leaf_null(value: object) -> Any:
    """A copy with the same keys and lists in which every value but the format is null."""
    if isinstance(value, dict):
        return {
            key: item if key == "format" else with_every_leaf_null(item)
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
            or path[-1:] in {("splits",), ("environment",), ("summary",), ("differences",)}
            or path[-2:-1] in {("differences",), ("seeds",)}
        )
        for key, item in value.items():
            if not names_are_free and key not in {"sd", "n", "p_value", "code"}:
                yield (*path, key)
            yield from required_keys(item, (*path, key))


def test_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else(example: str) -> None:
    metas = Page(example).all("meta")
    policy = next(m["content"] for m in metas if m.get("http-equiv") == "Content-Security-Policy")
    expected = ["default-src 'none'"]
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", example, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        expected.append(f"{tag}-src 'sha256-{digest}'")
    assert policy == "; ".join([*expected, "base-uri 'none'", "form-action 'none'"])


@pytest.mark.parametrize("hostile", [False, True])
def test_nothing_is_loaded_and_nothing_runs_but_the_one_script(hostile: bool) -> None:
    metrics = example_metrics()
    if hostile:
        metrics = with_every_text(metrics, HOSTILE)
        metrics["environment"] = {HOSTILE: HOSTILE}
        metrics["seconds"] = {HOSTILE: 1.0}
        metrics["data"]["splits"][HOSTILE] = 5
        for group in metrics["data"]["groups"]:
            group[HOSTILE] = 5
    page = Page(render_report(metrics, {**example_config(), HOSTILE: HOSTILE}))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == tags.count("style") == tags.count("title") - tags.count("desc")
    assert not {"img", "link", "iframe", "object", "embed", "form", "base"} & set(tags)
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    if hostile:
        assert page.text.count(" ".join(HOSTILE.split())) > 50


def test_ids_are_unique_and_every_reference_has_its_target(example: str) -> None:
    page = Page(example)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-controls", "for"):
            assert set((attributes.get(name) or "").split()) <= set(ids)
        if (attributes.get("href") or "").startswith("#"):
            assert attributes["href"] in {f"#{identifier}" for identifier in ids}


def test_pictures_and_tables_are_labelled(example: str) -> None:
    page = Page(example)
    for attributes in page.all("svg"):
        if "viewbox" not in attributes or attributes.get("role"):
            assert attributes.get("role") == "img" or attributes.get("aria-hidden") == "true"
        if attributes.get("role") == "img":
            assert attributes["aria-labelledby"]
    assert len(page.all("table")) == len(page.all("caption")) > 10
    assert all(attributes.get("scope") for attributes in page.all("th"))
    regions = [a for a in page.all("div") if a.get("class") == "scroll"]
    assert all(a["tabindex"] == "0" and a["role"] == "region" for a in regions)


def test_every_number_is_on_the_page(example: str) -> None:
    metrics, text = example_metrics(), Page(example).text.replace("−", "-")
    for method in metrics["methods"]:
        assert method["label"] in text
        for metric in metrics["metrics"]:
            digits = 2 if metric["unit"] == "%" else 3
            summary = method["summary"][metric["key"]]
            for part in ("mean", "sd", "low", "high"):
                assert f"{summary[part]:.{digits}f}" in text
            for seed in method["seeds"]:
                assert f"{seed[metric['key']]:.{digits}f}" in text
            for difference in method["differences"].values():
                rounded = round(difference[metric["key"]]["mean"], digits) + 0.0
                assert f"{rounded:.{digits}f}" in text
        for group in method["groups"]:
            for rate in ("selection_rate", "true_positive_rate", "false_positive_rate"):
                assert f"{group[rate]['low']:.3f} to {group[rate]['high']:.3f}" in text
        for chosen in method["tuning"]:
            assert f"{chosen['validation_loss']:.4f}" in text
    for seconds in metrics["seconds"].values():
        assert f"{seconds:.2f}" in text
    for finding in metrics["findings"]:
        assert finding["text"] in text
    for text_of_data in ("licence", "citation", "description"):
        assert metrics["data"][text_of_data] in text
    for wanted in (*metrics["verdict"]["sentences"], metrics["verdict"]["headline"]):
        assert wanted.replace("−", "-") in text
    assert "45,222" in text
    assert "--learning-rates 0.1,0.01,0.001" in text


def test_default_page_is_small(example: str) -> None:
    assert len(example.encode()) < 160_000


def test_largest_page_stays_under_three_megabytes() -> None:
    names = [f"Group {index} with a name that goes on for a while" for index in range(40)]
    html = render(example_metrics(methods=40, groups=names, inputs=512))
    assert len(html.encode()) < 3_000_000
    text = Page(html).text
    assert "Each bar is the largest of 4 neighbouring inputs" in text
    assert "The first 12 of 40 groups are drawn" in text
    assert "compares them by sex (40 groups)" in text


def test_one_seed_has_no_intervals_and_says_so() -> None:
    text = Page(render(example_metrics(seeds=1))).text
    assert "There is only one seed, so there are no intervals" in text
    assert "One seed gives no intervals, so no difference is marked." in text
    assert "clearly best" not in text
    assert "with 95 % intervals" not in text


def test_one_method_and_one_group_without_importance_or_findings() -> None:
    metrics = example_metrics(methods=1, groups=["Everyone"])
    metrics |= {"importance": None, "findings": [], "reference_methods": []}
    text = Page(render(metrics)).text
    assert "With a single group there is no gap to measure." in text
    assert "No group Fisher information was saved" in text
    assert "Before you read on" not in text
    assert "Paired differences to" not in text


def test_no_method_at_all_still_gives_a_page() -> None:
    metrics = example_metrics(methods=0)
    assert "fine-tunes 0 variants" in Page(render(metrics)).text


def test_null_values_become_dashes() -> None:
    metrics = with_every_leaf_null(example_metrics())
    page = Page(render(metrics))
    assert page.text.count("—") > 100
    assert not re.search(r"\b(None|nan|inf|null)\b", page.text)


def test_small_groups_and_sensitive_inputs_are_flagged() -> None:
    metrics = example_metrics()
    assert "Small groups" not in Page(render(metrics)).text
    metrics["data"]["groups"][0]["test"] = 99
    metrics["data"]["features"].append("sex")
    text = Page(render(metrics)).text
    assert "Fewer than 100 test rows: Female (99)." in text
    assert "sex is also given to the model" in text


def test_warnings_come_before_notes() -> None:
    metrics = example_metrics()
    metrics["findings"].reverse()
    text = Page(render(metrics)).text
    assert text.index(" Warning ") < text.index(" Note ")


def test_a_missing_key_is_named() -> None:
    metrics = example_metrics()
    paths = list(required_keys(metrics))
    assert len(paths) > 80
    for path in paths:
        damaged = copy.deepcopy(metrics)
        inner: Any = damaged
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        with pytest.raises(SavedModelError, match=rf"no key '[^']*{re.escape(path[-1])}'"):
            render(damaged)


def test_the_same_run_gives_the_same_page(example: str) -> None:
    assert render() == example
