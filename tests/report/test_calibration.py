from __future__ import annotations

import re
from functools import partial

import pytest
from tests.report.example import example_config, example_metrics
from tests.report.example_parts import calibration
from tests.report.example_tuning import example_tuning, example_tuning_config
from tests.report.markup import HOSTILE, Page

from fairfactor.errors import SavedModelError
from fairfactor.report import render_report
from fairfactor.report.calibration import (
    DIAGRAMS_SHOWN,
    CalibrationSection,
    calibration_section,
)

EXAMPLES = {
    "methods": (example_metrics, example_config),
    "tuning": (partial(example_tuning, points=6), example_tuning_config),
}


def section(written: object) -> CalibrationSection:
    found = calibration_section({"calibration": written}, ("old", "new"))
    assert found is not None
    return found


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_page_has_the_numbers_and_what_they_do_not_show(kind: str) -> None:
    make, config = EXAMPLES[kind]
    metrics = make()
    page = Page(render_report(metrics, config()))
    assert {"href": "#calibration"} in page.all("a")
    assert "before the rule that decides" in page.text
    assert "fewer than 10 rows are not shown" in page.text
    for model in ("before", "after"):
        for group in metrics["calibration"][model]:
            assert f"{group['error']:.3f}" in page.text
            for one in group["bins"]:
                assert f"{one['rate']['low']:.3f} to {one['rate']['high']:.3f}" in page.text


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize("written", [None, "missing"])
def test_runs_of_older_versions_have_no_section(kind: str, written: str | None) -> None:
    make, config = EXAMPLES[kind]
    metrics = make()
    del metrics["calibration"]
    if written is None:
        metrics["calibration"] = None
    page = render_report(metrics, config())
    assert "calibration-title" not in page
    assert {"href": "#calibration"} not in Page(page).all("a")


def test_a_mark_for_each_bin_of_both_models() -> None:
    written = calibration(["a", "b"])
    for place, diagram in enumerate(section(written).diagrams):
        bins = sum(len(written[model][place]["bins"]) for model in ("before", "after"))
        assert diagram.chart.count("<use") == bins
        # Each has an upright interval.
        assert diagram.chart.count('class="interval"') == bins


def test_the_histogram_has_the_bins_at_their_places() -> None:
    written = calibration(["a"])
    written["after"][0]["bins"] = [written["after"][0]["bins"][3] | {"count": 50}]
    histogram = section(written).diagrams[0].histogram
    # The axis goes from 4 % to 96 % of the width; the fourth of ten bins begins at 4 + 0.3 · 92.
    assert re.findall(r'x="([\d.]+)%" y="([\d.]+)"', histogram) == [("32.3", "0")]
    assert "50 in the fullest" in histogram


def test_the_largest_groups_come_first_and_the_others_are_folded() -> None:
    names = [f"g{index}" for index in range(40)]
    written = calibration(names)
    written["before"].reverse()
    found = section(written)
    assert [one.name for one in found.diagrams] == names[:DIAGRAMS_SHOWN]
    assert len(found.more_diagrams) == 40 - DIAGRAMS_SHOWN
    assert len(found.errors) == 40


def test_groups_without_any_bin_or_in_one_model_only() -> None:
    written = calibration(["a", "tiny"], rows=12)
    written["after"].pop(0)
    written["after"][0] |= {"bins": [], "error": None}
    found = section(written)
    assert [row.name for row in found.errors] == ["a", "tiny"]
    assert found.errors[0].errors[1][0] == "—"
    assert (len(found.diagrams), found.without_diagram) == (0, 2)


def test_several_classes_are_about_the_predicted_one() -> None:
    metrics = example_tuning(points=6)
    metrics["calibration"]["of_positive_class"] = False
    text = Page(render_report(metrics, example_tuning_config())).text
    assert "probability of the class that is predicted" in text


def test_hostile_names_stay_text_and_damage_is_named() -> None:
    found = section(calibration([HOSTILE]))
    assert "<img" not in found.diagrams[0].chart + found.diagrams[0].histogram
    damaged = calibration(["a"])
    del damaged["after"][0]["bins"][0]["rate"]
    with pytest.raises(SavedModelError, match=r"calibration\.after\[0\]\.bins\[0\]\.rate"):
        section(damaged)


@pytest.mark.parametrize("same", [True, False])
def test_a_frozen_network_has_the_same_probabilities(same: bool) -> None:
    metrics = example_tuning(points=6)
    if same:
        metrics["calibration"]["after"] = metrics["calibration"]["before"]
    text = Page(render_report(metrics, example_tuning_config())).text
    assert ("Both models give the same probabilities" in text) == same
