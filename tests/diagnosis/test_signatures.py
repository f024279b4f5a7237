from __future__ import annotations

import math
from typing import Any

import pytest
from tests.diagnosis.example import diagnosis, layer, overlap, replacement, stage

from fairfactor.diagnosis import describe, signatures, stage_rows

DP, EO = "demographic_parity_difference", "equalized_odds_difference_worst_case"


def found(**changes: Any) -> dict[str, Any]:
    return {finding.code: finding for finding in signatures(diagnosis(**changes))}


def test_nothing_special_is_said_about_a_usual_step() -> None:
    assert set(found()) == {
        "unchanged-demographic_parity",
        "unchanged-equalized_odds",
        "weight-change",
        "cost",
    }
    assert all(finding.severity == "note" for finding in found().values())


def test_full_rank_reproduces_the_old_weights() -> None:
    full = replacement(is_full_rank=True, rank=2, relative_change=3e-8, parameters_after=300)
    codes = found(layers={"head": layer(replacement=full)})
    text = codes["full-rank"].text
    assert text.startswith("At this rank the factors reproduce the old weights of head")
    assert "at most 3e-08" in text
    assert codes["full-rank"].severity == "warning"
    assert "300 parameters and the layer had 240" in codes["parameters-added"].text
    assert not {"weight-change", "unchanged-demographic_parity"} & set(codes)


def test_weight_changes_name_the_least_and_the_most() -> None:
    layers = {
        name: layer(replacement=replacement(relative_change=change))
        for name, change in (("a", 0.5), ("b", 0.031), ("c", math.nan))
    }
    assert "3.1 % of its norm (b) to 50.0 % (a)" in found(layers=layers)["weight-change"].text


@pytest.mark.parametrize(
    ("trained", "severity", "words"),
    [
        (None, "warning", "lost 20.0 points of accuracy on the probe rows. Train longer"),
        (0.78, "warning", "2.0 points are still lost after training"),
        (0.81, "note", "0.0 points are still lost after training. Training repaired it."),
    ],
)
def test_lost_accuracy(trained: float | None, severity: str, words: str) -> None:
    later = trained and stage(accuracy=trained)
    codes = found(before=stage(accuracy=0.8), after=stage(accuracy=0.6), trained=later)
    assert codes["accuracy-lost"].severity == severity
    assert words in codes["accuracy-lost"].text
    assert "accuracy-lost" not in found(before=stage(accuracy=0.8), after=stage(accuracy=0.795))


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ((0.2, 0.202, 0.1), "unchanged", "left the demographic parity difference where it was"),
        ((0.2, 0.1, 0.19), "undone", "but training brought it back to 0.190. Lock"),
        ((0.2, 0.1, 0.12), "changed", "lowered .* (0.200 → 0.100), and 0.120 after training."),
        ((0.2, 0.3, 0.2), "changed", "raised .* (0.200 → 0.300), and 0.200 after training."),
    ],
)
def test_gaps(values: tuple[float, float, float], code: str, words: str) -> None:
    before, after, trained = (stage(**{DP: value}) for value in values)
    codes = found(before=before, after=after, trained=trained)
    finding = codes[f"{code}-demographic_parity"]
    assert all(part in finding.text for part in words.split(".*"))
    assert finding.severity == ("warning" if code == "undone" else "note")


def test_an_undefined_gap_is_not_spoken_of() -> None:
    codes = found(before=stage(**{EO: math.nan}))
    assert not any(code.endswith("equalized_odds") for code in codes)


def test_small_groups_make_gaps_noise() -> None:
    warned = found(groups={"A": 29, "B": 30, "C": 0})["small-groups"]
    assert warned.severity == "warning"
    assert "A (29), C (0)." in warned.text


def test_costs_are_those_of_the_last_stage() -> None:
    assert "1,000 → 866 parameters, 2,000 → 1,732 operations" in found()["cost"].text
    dearer = found(trained=stage(parameters=1200))["cost"].text
    assert dearer.startswith("The model did not become cheaper: 1,000 → 1,200")


def test_what_the_weighting_cannot_see() -> None:
    codes = found(layers={"a": layer(zero_rows=5), "b": layer(condition=4e6), "c": layer()})
    assert "a (5 of 16)" in codes["zero-fisher"].text
    assert "b (4e+06)" in codes["uneven-weighting"].text
    assert "uneven-weighting" not in found(layers={"a": layer(condition=math.inf)})


def test_groups_that_need_the_same_inputs() -> None:
    alike = layer(overlaps=(overlap(0.95), overlap(0.99)))
    assert "inputs of a (" in found(layers={"a": alike})["groups-alike"].text
    assert "every layer" in found(layers={"a": alike, "b": alike})["groups-alike"].text
    mixed = layer(overlaps=(overlap(0.95), overlap(math.nan)))
    assert "groups-alike" not in found(layers={"a": mixed, "b": layer(overlaps=())})


@pytest.mark.parametrize(
    ("ratio", "words"), [(4.0, "of A is up to 4.0"), (0.2, "of B is up to 5.0")]
)
def test_a_group_that_dominates(ratio: float, words: str) -> None:
    layers = {"a": layer(overlaps=(overlap(scale_ratio=ratio), overlap(scale_ratio=math.inf)))}
    assert words in found(layers=layers)["dominant-group"].text
    assert "dominant-group" not in found()


def test_without_a_stage_between_only_the_ends_are_spoken_of() -> None:
    codes = found(after=None, layers={"a": layer(replacement=None, trained_change=None)})
    assert set(codes) == {"cost"}
    assert [row[0] for row in stage_rows(diagnosis(after=None))[1:]] == ["Original", "Trained"]


def test_the_text_is_a_table_and_the_findings_warnings_first() -> None:
    made = diagnosis(before=stage(accuracy=0.9, **{DP: math.nan}))
    lines = describe(made).splitlines()
    assert lines[0].split() == (
        ["5,000", "rows", "Err", "%", "ΔDP", "ΔEO", "(max)", "Changed", "%", "Parameters", "FLOPs"]
    )
    assert lines[1].split() == ["Original", "0.10", "—", "0.100", "5.00", "1,000", "2,000"]
    assert len({len(line) for line in lines[:4]}) == 1
    assert [line.split(":")[0] for line in lines[4:]] == ["Warning", *["Note"] * 3]
    assert str(made) == describe(made)
