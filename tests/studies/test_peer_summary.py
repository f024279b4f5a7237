from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.studies.examples import DESCRIPTION, hiring_frame, made_up_peers

from fairfactor.mitigation.hypervolume import dominated_area
from fairfactor.report import render_report
from fairfactor.run_folder import RunFolder
from fairfactor.studies.peer_comparison import PeerComparison
from fairfactor.studies.peer_run import BOUNDS, GAPS
from fairfactor.studies.peer_summary import _about_tree_scores, summarize_peers

DP = "demographic_parity_difference"
EO = "equalized_odds_difference_worst_case"
NOISE = (0.01, -0.01, 0.02, -0.02, 0.0)


def summarized(comparison: PeerComparison) -> dict[str, Any]:
    """The summary, which must be JSON and make a page."""
    metrics = summarize_peers(comparison, DESCRIPTION)
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    page = render_report(metrics, comparison.config.to_dict())
    assert "NaN" not in page
    return metrics


class TestDominatedArea:
    @staticmethod
    def by_grid(points, worst_gap: float, worst_accuracy: float, cells: int = 400) -> float:
        """Share of the centres of a fine grid that some point is at least as good as."""
        centres = (np.arange(cells) + 0.5) / cells
        gaps, accuracies = np.meshgrid(
            centres * worst_gap, worst_accuracy + centres * (1 - worst_accuracy)
        )
        dominated = np.zeros(gaps.shape, dtype=bool)
        for gap, accuracy in points:
            dominated |= (gap <= gaps) & (accuracy >= accuracies)
        return float(dominated.mean())

    @given(
        st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=8),
        st.floats(0.1, 1),
        st.floats(0, 0.9),
    )
    @settings(deadline=None, max_examples=60)
    def test_it_is_the_area_of_a_fine_grid(self, points, worst_gap, worst_accuracy) -> None:
        found = dominated_area(points, worst_gap, worst_accuracy)
        expected = self.by_grid(points, worst_gap, worst_accuracy)
        assert found == pytest.approx(expected, abs=2 * (len(points) + 1) / 400)
        assert 0 <= found <= 1 + 1e-12

    @pytest.mark.parametrize(
        ("points", "expected"),
        [
            ([], 0),
            ([(0.0, 1.0)], 1),
            ([(0.1, 0.75)], 0.25),
            ([(0.1, 0.75), (0.1, 0.75), (0.15, 0.7)], 0.25),
            ([(0.15, 0.7), (0.1, 0.75), (0.0, 0.6)], 0.35),
            ([(0.2, 1.0), (0.3, 1.0), (0.0, 0.5)], 0),
            ([(math.nan, 0.9), (0.1, 0.75), (math.nan, 1.0), (0.05, 0.5)], 0.25),
        ],
    )
    def test_by_hand(self, points, expected) -> None:
        for order in (points, points[::-1]):
            assert dominated_area(order, 0.2, 0.5) == pytest.approx(expected)


class TestRealRuns:
    @pytest.fixture
    def metrics(self, peers_folder: RunFolder) -> dict[str, Any]:
        return peers_folder.metrics

    def test_it_is_json_and_the_report_renders(self, peer_comparison: PeerComparison) -> None:
        assert summarized(peer_comparison)["kind"] == "peers"

    def test_rows_are_the_peers_with_their_means(
        self, metrics: dict[str, Any], peer_comparison: PeerComparison
    ) -> None:
        assert [row["key"] for row in metrics["rows"]] == ["unmitigated", "gap-penalty-dp-4"]
        for row, entry in zip(metrics["rows"], peer_comparison.entries, strict=True):
            tests = [outcome.test for outcome in peer_comparison.outcomes(entry)]
            for key in ("accuracy", DP, EO, "worst_group_accuracy"):
                values = [test[key] for test in tests]
                assert row["summary"][key]["mean"] == pytest.approx(np.mean(values))
                assert row["summary"][key]["sd"] == pytest.approx(np.std(values, ddof=1))
                assert [seed[key] for seed in row["seeds"]] == values
            assert [seed["seed"] for seed in row["seeds"]] == metrics["seeds"] == [0, 1]
            assert row["missing"] is None
        assert metrics["rows"][1]["setting"] == "strength 1.0"
        assert metrics["rows"][0]["setting"] is None

    def test_frontiers_count_the_seeds_that_keep_each_bound(
        self, metrics: dict[str, Any], peer_comparison: PeerComparison
    ) -> None:
        assert [frontier["metric"] for frontier in metrics["frontiers"]] == [DP, EO]
        for frontier, gap in zip(metrics["frontiers"], GAPS, strict=True):
            assert [point["bound"] for point in frontier["points"]] == list(BOUNDS)
            for point in frontier["points"]:
                choices = [run.frontier[gap, point["bound"]] for run in peer_comparison.runs]
                assert point["feasible_seeds"] == sum(choice.met for choice in choices)
                accuracies = [choice.test["accuracy"] for choice in choices]
                assert point["summary"]["accuracy"]["mean"] == pytest.approx(np.mean(accuracies))

    def test_hypervolumes_are_of_those_that_aim_at_the_gap(self, metrics: dict[str, Any]) -> None:
        assert [(area["key"], area["metric"]) for area in metrics["hypervolume"]] == [
            ("ours", DP),
            ("unmitigated", DP),
            ("gap-penalty-dp", DP),
            ("ours", EO),
            ("unmitigated", EO),
        ]
        for area in metrics["hypervolume"]:
            assert 0 <= area["value"]["mean"] <= 1

    def test_no_row_of_the_data_is_in_it(self, metrics: dict[str, Any]) -> None:
        text = json.dumps(metrics)
        for skill in hiring_frame()["skill"]:
            assert repr(float(skill)) not in text


class TestMadeUpRuns:
    def test_ours_is_better(self) -> None:
        metrics = summarized(
            made_up_peers([{"accuracy": 0.9 + error} for error in NOISE], [{}] * 5)
        )
        assert metrics["verdict"]["headline"] == (
            "More accurate than the peer in 1 of 1 duels at no larger a gap."
        )
        counted, _, rule = metrics["verdict"]["sentences"]
        assert counted.startswith("Our point is more accurate in 1 of 1 duels, no difference is")
        assert "paired tests over seeds (5 here) with Holm's adjustment" in rule
        [duel] = metrics["duels"]
        assert (duel["peer"], duel["outcome"]) == ("gap-penalty-dp-4", "ours better")
        assert duel["ours"]["accuracy"]["mean"] == pytest.approx(0.9)
        assert metrics["findings"] == []
        assert metrics["seconds"] == {"pretraining": 5, "ours": 10, "peers": 15, "total": 9}

    @pytest.mark.parametrize(
        ("ours", "outcome"), [({"accuracy": 0.1}, "peer better"), ({DP: 0.9}, "not reached")]
    )
    def test_where_a_peer_holds_its_ground(self, ours: dict[str, float], outcome: str) -> None:
        metrics = summarized(made_up_peers([ours] * 3, [{}] * 3))
        assert [duel["outcome"] for duel in metrics["duels"]] == [outcome]
        assert metrics["verdict"]["sentences"][-1] == (
            "Where a peer holds its ground: Gap penalty (DiffDP), demographic parity on "
            "demographic parity."
        )

    def test_one_seed_is_a_warning_and_has_no_intervals(self) -> None:
        metrics = summarized(made_up_peers([{"accuracy": 0.9}], [{}]))
        assert [finding["code"] for finding in metrics["findings"]] == ["one-seed"]
        [row] = metrics["rows"]
        expected = {"mean": 0.5, "sd": None, "low": None, "high": None, "n": 1, "p_value": None}
        assert row["summary"]["accuracy"] == expected
        assert metrics["duels"][0]["outcome"] == "no difference detected"

    def test_what_reads_scores_of_trees_is_told(self) -> None:
        comparison = made_up_peers([{}] * 2, [{}] * 2, missing={"boosted-trees-dp": "asleep"})
        config = replace(comparison.config, backbone="boosted-trees")
        findings = summarized(replace(comparison, config=config))["findings"]
        [text] = [finding["text"] for finding in findings if finding["code"] == "boosted-trees"]
        assert text == (
            "The backbone reads scores of boosted trees for the class and for the group, beside "
            "the inputs, and so does every peer that trains it or reads what it computes. Peers "
            "that read the table alone: Gradient-boosted trees, Bayes-optimal rule."
        )
        peers = ("adversarial-dp", "boosted-trees-dp")
        config = replace(config, peers=peers)
        assert (
            "Peers with another model read the same scores: Fairlearn adversarial (one hidden "
            "layer), demographic parity. Peers that read the table alone: Gradient"
        ) in _about_tree_scores(replace(comparison, config=config))

    def test_a_missing_peer_is_a_row_with_the_reason(self) -> None:
        reason = "not installed: pip install fairgrad==0.2.0"
        comparison = made_up_peers([{}] * 2, [{}] * 2, missing={"fairgrad-eo": reason})
        metrics = summarized(comparison)
        [row] = [row for row in metrics["rows"] if row["missing"]]
        assert row["missing"] == reason
        assert row["package"] == "fairgrad"
        assert row["summary"] is None
        assert row["seeds"] == []
        [finding] = metrics["findings"]
        assert finding["code"] == "missing-peers"
        assert f"FairGrad, equalised odds: {reason}" in finding["text"]
        assert reason in render_report(metrics, comparison.config.to_dict())

    def test_no_peer_at_all(self) -> None:
        comparison = made_up_peers([{}], [{}], missing={"fairgrad-eo": "not installed: …"})
        config = replace(comparison.config, peers=("fairgrad-eo",))
        metrics = summarized(replace(comparison, config=config))
        assert metrics["verdict"] == {"headline": "No peer could be run.", "sentences": []}
        assert metrics["duels"] == []

    def test_a_gap_that_is_undefined_is_null(self) -> None:
        undefined = [{}, {DP: math.nan, EO: math.nan}]
        metrics = summarized(made_up_peers(undefined, undefined))
        assert metrics["duels"] == []
        [row] = metrics["rows"]
        assert row["summary"][DP]["n"] == 1
        assert [seed[DP] for seed in row["seeds"]] == [0.5, None]
        always = [{DP: math.nan}] * 2
        metrics = summarized(made_up_peers(always, always))
        assert metrics["rows"][0]["summary"][DP] is None
        assert {area["metric"] for area in metrics["hypervolume"]} == {EO}

    def test_without_any_gap_there_is_no_area_to_dominate(self) -> None:
        metrics = summarized(made_up_peers([{DP: 0.0}] * 2, [{DP: 0.1}] * 2))
        assert {area["metric"] for area in metrics["hypervolume"]} == {EO}

    def test_small_groups_are_a_warning(self) -> None:
        comparison = made_up_peers([{}] * 2, [{}] * 2)
        sizes = {part: np.array([29, 200]) for part in ("train", "test")}
        runs = tuple(replace(run, group_sizes=sizes) for run in comparison.runs)
        [finding] = summarized(replace(comparison, runs=runs))["findings"]
        assert (finding["severity"], finding["code"]) == ("warning", "small-groups")
        assert "f (29)." in finding["text"]
