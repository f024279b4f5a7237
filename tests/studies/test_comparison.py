from __future__ import annotations

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.studies.examples import hiring_frame, hiring_task, small_config

from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError, DataError
from fairfactor.studies import comparison as module
from fairfactor.studies.comparison import Comparison, compare_methods
from fairfactor.studies.seed_run import cells


def everything_but_seconds(comparison: Comparison) -> list[tuple]:
    return [
        (outcome.cell, outcome.seed, outcome.metrics, outcome.history, outcome.replacement)
        for outcome in comparison.outcomes
    ]


def test_outcomes_are_in_the_order_of_seeds_then_cells(comparison: Comparison) -> None:
    expected = cells(comparison.config)
    assert comparison.cells == expected
    assert [(o.seed, o.cell) for o in comparison.outcomes] == [
        (seed, cell) for seed in (0, 1) for cell in expected
    ]


def test_values_are_one_a_seed(comparison: Comparison) -> None:
    cell = ("neutralized", 1)
    values = comparison.values(cell, "accuracy")
    assert values == [
        outcome.metrics["accuracy"]
        for run in comparison.runs
        for outcome in run.outcomes
        if outcome.cell == cell
    ]
    assert len(values) == 2


def test_seconds_add_up_over_seeds(comparison: Comparison) -> None:
    seconds = comparison.seconds
    assert seconds["finetune"] == sum(run.seconds["finetune"] for run in comparison.runs)
    assert seconds["total"] == comparison.wall_seconds
    parts = sum(second for part, second in seconds.items() if part != "total")
    assert 0 < parts < seconds["total"]


def test_the_same_configuration_gives_the_same_numbers(comparison: Comparison) -> None:
    again = compare_methods(hiring_task(), small_config(), workers=1)
    assert everything_but_seconds(again) == everything_but_seconds(comparison)


def test_two_processes_give_the_numbers_of_one(comparison: Comparison) -> None:
    calls: list[None] = []
    other = compare_methods(
        hiring_task(), small_config(), workers=2, on_seed=lambda: calls.append(None)
    )
    assert everything_but_seconds(other) == everything_but_seconds(comparison)
    assert len(calls) == 2
    for ours, theirs in zip(comparison.runs, other.runs, strict=True):
        assert torch.equal(ours.fisher.row_importance, theirs.fisher.row_importance)
        tensors = theirs.tuned.model.state_dict()
        for name, tensor in ours.tuned.model.state_dict().items():
            assert torch.equal(tensors[name], tensor)
    assert multiprocessing.active_children() == []


class TestRefusals:
    @pytest.fixture(autouse=True)
    def no_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every refusal comes before the work."""

        def fail(*_: object) -> None:
            raise AssertionError("a seed was run")

        monkeypatch.setattr(module, "run_seed", fail)

    def compare(self, frame, **changes: object) -> Comparison:
        task = TableTask(frame, "hired", ("sex",), positive_label="yes")
        return compare_methods(task, small_config(**changes), workers=1)

    def test_groups_that_have_no_gap(self) -> None:
        with pytest.raises(DataError, match=r"^sensitive=sex gives the single group 'f'"):
            self.compare(hiring_frame().assign(sex="f"))

    def test_alpha_for_three_groups(self) -> None:
        frame = hiring_frame()
        frame["sex"] = np.resize(["f", "m", "x"], len(frame))
        with pytest.raises(ArgumentError, match=r"^alpha=0\.6 .*two groups.*there are 3"):
            self.compare(frame, alpha=0.6)

    def test_missing_labels(self) -> None:
        frame = hiring_frame()
        frame.loc[3, "hired"] = None
        with pytest.raises(DataError, match="'hired' has no value in 1 of 600 rows"):
            self.compare(frame)


def test_small_groups_are_merged() -> None:
    frame = hiring_frame()
    frame["sex"] = np.resize(["f", "m", "m", "x", "m", "m", "y", "m"], len(frame))
    task = replace(hiring_task(), frame=frame)
    config = small_config(method=("pretrained",), seeds=1, minimum_group_size=100)
    groups = compare_methods(task, config, workers=1).groups
    assert groups.names == ("m", "other (small groups)")
    assert groups.counts.sum() == 600
