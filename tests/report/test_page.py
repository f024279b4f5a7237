from __future__ import annotations

import base64
import hashlib
import re
from functools import partial
from typing import Any

import pytest
from tests.report.example import example_config, example_metrics
from tests.report.example_peers import example_peers, example_peers_config
from tests.report.example_tuning import example_tuning, example_tuning_config
from tests.report.markup import (
    HOSTILE,
    Page,
    required_keys,
    with_every_leaf_null,
    with_every_text,
)

from fairfactor.errors import SavedModelError
from fairfactor.report import render_report

EXAMPLES = {
    "methods": (example_metrics, example_config),
    "tuning": (partial(example_tuning, points=12), example_tuning_config),
    "peers": (example_peers, example_peers_config),
}


@pytest.fixture(scope="module", params=EXAMPLES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def page_of_kind(kind: str) -> str:
    metrics, config = EXAMPLES[kind]
    return render_report(metrics(), config())


def render(metrics: dict[str, Any] | None = None) -> str:
    return render_report(metrics or example_metrics(), example_config())


@pytest.fixture(scope="module")
def example() -> str:
    return render()


def test_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else(
    page_of_kind: str,
) -> None:
    metas = Page(page_of_kind).all("meta")
    policy = next(m["content"] for m in metas if m.get("http-equiv") == "Content-Security-Policy")
    expected = ["default-src 'none'"]
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", page_of_kind, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        expected.append(f"{tag}-src 'sha256-{digest}'")
    assert policy == "; ".join([*expected, "base-uri 'none'", "form-action 'none'"])


@pytest.mark.parametrize("hostile", [False, True])
def test_nothing_is_loaded_and_nothing_runs_but_the_one_script(kind: str, hostile: bool) -> None:
    make_metrics, make_config = EXAMPLES[kind]
    metrics = make_metrics()
    if hostile:
        metrics = with_every_text(metrics, HOSTILE)
        metrics["environment"] = {HOSTILE: HOSTILE}
        metrics["seconds"] = {HOSTILE: 1.0}
        metrics["data"]["splits"][HOSTILE] = 5
        for group in metrics["data"]["groups"]:
            group[HOSTILE] = 5
    page = Page(render_report(metrics, {**make_config(), HOSTILE: HOSTILE}))
    tags = [tag for tag, _ in page.elements]
    run = [attributes for attributes in page.all("script") if "type" not in attributes]
    assert len(run) == tags.count("style") == tags.count("title") - tags.count("desc")
    assert {a["type"] for a in page.all("script") if "type" in a} <= {"application/json"}
    assert not {"img", "link", "iframe", "object", "embed", "form", "base"} & set(tags)
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    if hostile:
        assert page.text.count(" ".join(HOSTILE.split())) > 50


def test_ids_are_unique_and_every_reference_has_its_target(page_of_kind: str) -> None:
    page = Page(page_of_kind)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-controls", "for"):
            assert set((attributes.get(name) or "").split()) <= set(ids)
        if (attributes.get("href") or "").startswith("#"):
            assert attributes["href"] in {f"#{identifier}" for identifier in ids}


def test_pictures_and_tables_are_labelled(page_of_kind: str) -> None:
    page = Page(page_of_kind)
    for attributes in page.all("svg"):
        if "viewbox" not in attributes or attributes.get("role"):
            assert attributes.get("role") == "img" or attributes.get("aria-hidden") == "true"
        if attributes.get("role") == "img":
            assert attributes["aria-labelledby"]
    assert len(page.all("table")) == len(page.all("caption")) > 5
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
    assert len(example.encode()) < 250_000


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


def test_null_values_become_dashes(kind: str) -> None:
    page = Page(render_report(with_every_leaf_null(EXAMPLES[kind][0]()), {}))
    assert page.text.count("—") > 50
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


def test_a_missing_key_is_named(kind: str) -> None:
    metrics = EXAMPLES[kind][0]()
    paths = list(required_keys(metrics))
    assert len(paths) > 60
    for path in paths:
        inner: Any = metrics
        for key in path[:-1]:
            inner = inner[key]
        kept = inner.pop(path[-1])
        with pytest.raises(SavedModelError, match=rf"no key '[^']*{re.escape(path[-1])}'"):
            render_report(metrics, {})
        inner[path[-1]] = kept


def test_the_same_run_gives_the_same_page(kind: str, page_of_kind: str) -> None:
    metrics, config = EXAMPLES[kind]
    assert render_report(metrics(), config()) == page_of_kind


def test_methods_are_the_default_kind_and_an_unknown_kind_is_refused(example: str) -> None:
    assert render(example_metrics() | {"kind": "methods"}) == example
    for wrong in ("method", None, ["tuning"]):
        with pytest.raises(SavedModelError, match="one of methods, tuning, peers is expected"):
            render(example_metrics() | {"kind": wrong})


def test_the_command_to_repeat_the_run_is_that_of_its_kind(kind: str, page_of_kind: str) -> None:
    command = {"methods": "run", "tuning": "tune", "peers": "compare"}[kind]
    assert f"fairfactor {command} \\\n" in page_of_kind
