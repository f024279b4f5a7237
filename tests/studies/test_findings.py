from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.studies.examples import hiring_frame, small_config

from fairfactor.data.task import TableTask
from fairfactor.diagnosis import SMALL_GROUP, Finding
from fairfactor.fairness import ConfusionCounts
from fairfactor.finetuning import FinetuneHistory
from fairfactor.studies.comparison import Comparison, compare_methods
from fairfactor.studies.findings import find
from fairfactor.studies.seed_run import Cell, Outcome


def compare(frame=None, **changes: object) -> Comparison:
    task = TableTask(
        hiring_frame() if frame is None else frame, "hired", ("sex",), positive_label="yes"
    )
    return compare_methods(task, small_config(**changes), workers=1)


def only(comparison: Comparison, *cells: Cell) -> Comparison:
    """The same comparison with some of its cells."""
    return changed(comparison, lambda outcome: outcome if outcome.cell in cells else None)


def changed(comparison: Comparison, change) -> Comparison:
    """The same comparison with each outcome changed, or left out."""
    runs = [
        replace(run, outcomes=tuple(o for o in map(change, run.outcomes) if o is not None))
        for run in comparison.runs
    ]
    return replace(comparison, runs=tuple(runs))


def with_importance(comparison: Comparison, rows: Sequence[Sequence[float]]) -> Comparison:
    """The same comparison with another row importance (groups × inputs) on every seed."""
    importance = torch.tensor(rows, dtype=torch.float64)
    runs = [
        replace(run, fisher=replace(run.fisher, row_importance=importance))
        for run in comparison.runs
    ]
    return replace(comparison, runs=tuple(runs))


def by_code(comparison: Comparison) -> dict[str, Finding]:
    return {finding.code: finding for finding in find(comparison)}


@pytest.fixture
def healthy(comparison: Comparison) -> Comparison:
    """Whole layers, large groups of equal importance, units that fire: nothing to report."""
    kept = only(comparison, ("pretrained", None), ("head-tuning", None))
    return with_importance(kept, [[1.0] * 6] * 2)


def test_a_healthy_comparison_has_no_findings(healthy: Comparison) -> None:
    assert find(healthy) == []


def test_warnings_come_first(comparison: Comparison) -> None:
    severities = [finding.severity for finding in find(comparison)]
    assert {"warning", "note"} == set(severities)
    assert severities == sorted(severities, key=lambda severity: severity != "warning")


def test_codes_are_unique_but_for_methods_and_ranks(comparison: Comparison) -> None:
    codes = [finding.code for finding in find(comparison)]
    assert len(codes) == len(set(codes))


def test_full_rank(comparison: Comparison) -> None:
    finding = by_code(comparison)["full-rank"]
    assert finding.severity == "warning"
    assert "Rank 2 is the full rank of the last layer" in finding.text
    assert "‖AB − W‖ is at most" in finding.text
    reduced = [(name, 1) for name in ("plain-svd", "pooled-fisher-svd", "neutralized")]
    assert "full-rank" not in by_code(only(comparison, *reduced))


def test_parameters_added_past_break_even(comparison: Comparison) -> None:
    """A 6 × 2 head with its bias has 14 parameters; rank 1 has 10, rank 2 has 18."""
    finding = by_code(comparison)["parameters-added"]
    assert finding.severity == "warning"
    assert "At rank 2 the two factors have 18 parameters" in finding.text
    assert "had 14: nothing is saved above rank 1" in finding.text
    assert "parameters-added" not in by_code(only(comparison, ("neutralized", 1)))


def test_weight_change(comparison: Comparison) -> None:
    finding = by_code(comparison)["weight-change"]
    assert finding.severity == "note"
    changes = [
        100 * outcome.replacement.relative_change
        for outcome in comparison.outcomes
        if outcome.cell[1] == 1
    ]
    assert min(changes) > 1
    assert (
        f"At rank 1 the factors differ from the layer that they replace by {min(changes):.1f} "
        in (finding.text)
    )
    assert f"{max(changes):.1f} % of its norm" in finding.text
    assert "weight-change" not in by_code(only(comparison, ("neutralized", 2)))


def test_an_equal_weight_change_is_said_once(comparison: Comparison) -> None:
    one = only(comparison, ("plain-svd", 1))
    finding = by_code(replace(one, runs=one.runs[:1]))["weight-change"]
    assert " to " not in finding.text.partition("replace by")[2]


def test_zero_fisher(healthy: Comparison) -> None:
    rows = [[1.0, 0.0, 1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]]
    finding = by_code(with_importance(healthy, rows))["zero-fisher"]
    assert finding.severity == "note"
    assert "Up to 2 of the 6 inputs of the last layer have no Fisher information" in finding.text


def test_dead_units_are_found_in_a_real_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from fairfactor.studies import seed_run

    def build(*arguments: object, **options: object):
        model = build_mlp(*arguments, **options)
        model.hidden1.weight.data[2] = 0
        model.hidden1.bias.data[2] = -100  # never fires, and no gradient revives it
        return model

    build_mlp = seed_run.build_mlp
    monkeypatch.setattr(seed_run, "build_mlp", build)
    comparison = compare(seeds=1, method=("plain-svd", "pooled-fisher-svd", "neutralized"))
    assert "Up to 1 of the 6 inputs" in by_code(comparison)["zero-fisher"].text
    assert all(np.isfinite(outcome.metrics["accuracy"]) for outcome in comparison.outcomes)


def test_small_groups() -> None:
    frame = hiring_frame()
    frame.loc[:59, "sex"] = "x"  # a tenth of the rows, of which about 9 are test rows
    comparison = compare(frame, method=("pretrained",))
    finding = by_code(comparison)["small-groups"]
    assert finding.severity == "warning"
    size = np.mean([run.group_sizes["test"][2] for run in comparison.runs])
    assert size < SMALL_GROUP
    assert f"x ({size:.0f})." in finding.text
    assert "f (" not in finding.text
    assert "--minimum-group-size" in finding.text


def test_an_undefined_rate(healthy: Comparison) -> None:
    def without_positives(outcome: Outcome) -> Outcome:
        cells = outcome.counts.cells.copy()
        if outcome.seed == 1:
            cells[0, 1] = 0
        return replace(outcome, counts=ConfusionCounts(cells, outcome.counts.group_names))

    finding = by_code(changed(healthy, without_positives))["undefined-rate"]
    assert finding.severity == "warning"
    assert "On 1 of 2 seeds a group has no test rows of one class" in finding.text


def test_a_loss_that_does_not_decrease(healthy: Comparison) -> None:
    def worse(outcome: Outcome) -> Outcome:
        if outcome.cell[0] != "head-tuning" or outcome.seed == 0:
            return outcome
        return replace(outcome, history=FinetuneHistory(0.1, 1, (0.5, 0.6), (0.5, 0.4)))

    findings = [f for f in find(changed(healthy, worse)) if f.code == "loss-not-decreasing"]
    assert [finding.severity for finding in findings] == ["warning"]
    assert findings[0].text == (
        "Head tuning (TL): fine-tuning did not lower the training loss on 1 of 2 seeds."
    )


def test_a_loss_that_rises_in_a_real_run_names_the_rank() -> None:
    comparison = compare(method=("neutralized",), learning_rates=(1000.0,))
    texts = [f.text for f in find(comparison) if f.code == "loss-not-decreasing"]
    assert len(texts) == 2
    assert texts[0].startswith("Neutralised SVD (the paper) at rank 1: fine-tuning did not lower")
    assert texts[0].endswith("on 2 of 2 seeds.")


def test_one_seed() -> None:
    finding = by_code(compare(seeds=1, method=("pretrained",)))["one-seed"]
    assert finding.severity == "warning"
    assert "--seeds 10" in finding.text


@pytest.mark.parametrize(("factor", "found"), [(1.4, False), (1.6, True), (2.8, True)])
def test_a_dominant_group(healthy: Comparison, factor: float, found: bool) -> None:
    findings = by_code(with_importance(healthy, [[1.0] * 6, [factor] * 6]))
    assert ("dominant-group" in findings) == found
    if found:
        finding = findings["dominant-group"]
        assert finding.severity == "note"
        assert f"of m is {factor:.1f} times that of f" in finding.text
        assert finding.text.endswith("leans towards m.")
