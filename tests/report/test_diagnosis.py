from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
from tests.diagnosis.example import diagnosis, layer, overlap, replacement, stage
from tests.report.example import example_config, example_metrics
from tests.report.example_tuning import example_tuning, example_tuning_config
from tests.report.markup import HOSTILE, Page

from fairfactor.diagnosis import Diagnosis
from fairfactor.errors import SavedModelError
from fairfactor.report import render_report
from fairfactor.report.diagnosis import DiagnosisSection, diagnosis_section

EXAMPLES = {
    "methods": (example_metrics, example_config),
    "tuning": (partial(example_tuning, points=12), example_tuning_config),
}


def section(made: Diagnosis) -> DiagnosisSection:
    found = diagnosis_section({"diagnosis": made.to_json()}, "the model")
    assert found is not None
    return found


def rendered(kind: str, made: Diagnosis) -> Page:
    metrics, config = EXAMPLES[kind]
    return Page(render_report(metrics() | {"diagnosis": made.to_json()}, config()))


def three_groups() -> Any:
    pairs = (overlap(0.9), overlap(0.5), overlap(math.nan))
    return layer(overlaps=pairs, condition=math.inf)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_page_has_the_section_and_a_link_to_it(kind: str) -> None:
    page = rendered(kind, diagnosis())
    assert {"href": "#diagnosis"} in page.all("a")
    assert any(found.get("id") == "diagnosis" for found in page.all("section"))
    identifiers = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(identifiers) == len(set(identifiers))
    assert "What happened to the kept model" in page.text
    assert "5,000 validation rows" in page.text
    assert "Replacement left the demographic parity difference where it was" in page.text
    assert "240 → 106" in page.text


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize("older", [{}, {"diagnosis": None}])
def test_runs_of_older_versions_have_no_section(kind: str, older: dict[str, None]) -> None:
    metrics, config = EXAMPLES[kind]
    page = render_report(metrics() | older, config())
    assert "diagnosis-title" not in page
    assert "Kept model" not in page


def test_every_stage_has_a_mark_and_its_number() -> None:
    found = section(diagnosis(after=stage(paper_error=17.256)))
    error = found.panels[0]
    assert error.rows == (("Original", "0.10"), ("Replaced", "17.26"), ("Trained", "0.10"))
    assert error.chart.count("<use") == 3
    assert "Replaced: 17.26" in error.chart
    assert len(found.panels) == 3


def test_without_a_stage_between_there_are_two_marks() -> None:
    found = section(diagnosis(after=None))
    assert [row[0] for row in found.panels[0].rows] == ["Original", "Trained"]
    page = rendered("tuning", diagnosis(after=None)).text
    assert "the original network and the tuned model" in page


def test_layers_in_the_table() -> None:
    layers = {
        "replaced": layer(zero_rows=2, condition=1234.0),
        "full": layer(replacement=replacement(is_full_rank=True, relative_change=math.nan)),
        "whole": layer(replacement=None, trained_change=None, condition=math.inf),
    }
    replaced, full, whole = section(diagnosis(layers=layers)).layers
    assert (replaced.rank, replaced.parameters) == ("3", "240 → 106")
    assert (replaced.zero_rows, replaced.condition) == ("2 of 16", "1,234")
    assert [text for text, _ in replaced.changes] == ["20.0", "30.0"]
    assert 'width="100"' in replaced.changes[1][1]
    assert full.rank == "3 (full)"
    assert [text for text, _ in full.changes] == ["—", "30.0"]
    assert (whole.rank, whole.parameters, whole.condition) == ("—", "kept whole", "—")
    assert [bar for _, bar in whole.changes] == ["", ""]


def test_overlaps_of_two_groups_are_named() -> None:
    correlation, top = section(diagnosis()).overlaps
    assert correlation.rows == (("hidden", "0.50 (A and B)"),)
    assert top.rows == (("hidden", "0.40 (A and B)"),)


def test_overlaps_of_several_groups_are_a_range_with_a_tick_for_each_pair() -> None:
    found = section(diagnosis(layers={"a": three_groups(), "b": layer(overlaps=())}))
    correlation, top = found.overlaps
    assert correlation.rows == (("a", "0.50 to 0.90 over 3 pairs of groups"),)
    assert top.rows == (("a", "0.40 to 0.40 over 3 pairs of groups"),)
    assert found.pairs == 3


def test_an_undefined_correlation_has_no_mark() -> None:
    found = section(diagnosis(layers={"a": layer(overlaps=(overlap(math.nan),))}))
    assert found.overlaps[0].rows == (("a", "undefined"),)
    assert "no value" in found.overlaps[0].chart


def test_no_layers_and_no_groups_to_compare() -> None:
    found = section(diagnosis(layers={}))
    assert found.layers == found.overlaps == ()
    assert "How alike" not in rendered("methods", diagnosis(layers={})).text


@pytest.mark.parametrize("kind", EXAMPLES)
def test_names_are_no_markup(kind: str) -> None:
    pair = overlap()
    hostile = layer(overlaps=(type(pair)((HOSTILE, "B"), 0.5, 0.5, 4.0),))
    page = rendered(kind, diagnosis(layers={HOSTILE: hostile}))
    assert not any(image.get("src") == "x" for image in page.all("img"))
    assert "{{ 7 * 7 }}" in page.text


def test_damage_is_refused_by_name() -> None:
    content = diagnosis().to_json() | {"groups": "many"}
    with pytest.raises(SavedModelError, match=r"diagnosis\.groups"):
        render_report(example_metrics() | {"diagnosis": content}, example_config())
