from __future__ import annotations

from typing import Any

from tests.report.example import example_metrics

from fairfactor.report.importance import ImportanceFigure, importance_figure
from fairfactor.report.read import read_run


def figure(metrics: dict[str, Any]) -> ImportanceFigure:
    importance = read_run(metrics).importance
    assert importance is not None
    return importance_figure(importance)


def test_two_groups_in_words_and_numbers() -> None:
    made = figure(example_metrics())
    shape, scale, zeros = made.sentences
    assert shape == "The groups’ profiles have a similar shape (correlation 0.86)."
    assert "by a factor of 2.8: importance is largest for Male and smallest for Female" in scale
    assert zeros.startswith("2 of 20 inputs have no importance for any group")
    assert [strip.label for strip in made.own_scale] == ["Female", "Male"]
    assert len(made.table) == 20
    assert len(made.table[0]) == 3
    assert made.notes == ()


def test_scales_differ_only_where_the_groups_do() -> None:
    made = figure(example_metrics())
    female, male = (strip.chart for strip in made.common_scale)
    assert male.count('d="') == made.own_scale[1].chart.count('d="')
    assert male.split(' d="')[-1] == made.own_scale[1].chart.split(' d="')[-1]
    assert female.split(' d="')[-1] != made.own_scale[0].chart.split(' d="')[-1]


def test_many_inputs_are_pooled_and_many_groups_are_cut() -> None:
    made = figure(example_metrics(groups=[f"g{i}" for i in range(40)], inputs=512))
    assert len(made.own_scale) == 12
    assert 'viewBox="0 0 128 100"' in made.own_scale[0].chart
    assert len(made.notes) == 2
    assert made.table == ()


def test_one_group_is_not_compared() -> None:
    metrics = example_metrics(groups=["Everyone"])
    metrics["importance"]["scale_ratio"] = 1.0
    assert len(figure(metrics).sentences) == 1


def test_nulls_and_missing_weights() -> None:
    metrics = example_metrics()
    metrics["importance"]["row_importance"][0] = [None] * 20
    metrics["importance"]["neutralized"] = None
    made = figure(metrics)
    assert made.neutralized is None
    assert made.own_scale[0].maximum == "0"
    assert made.table[0][0] == "—"
