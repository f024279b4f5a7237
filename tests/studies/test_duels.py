from __future__ import annotations

import math

import numpy as np
import pytest
from tests.studies.examples import made_up_peers

from fairfactor.intervals import paired_difference
from fairfactor.studies.duels import Duel, fight
from fairfactor.studies.peer_comparison import PeerComparison

DP = "demographic_parity_difference"
EO = "equalized_odds_difference_worst_case"
NOISE = (0.01, -0.01, 0.02, -0.02, 0.0)


def only_duel(
    ours: tuple[float, float], theirs: tuple[float, float], noise: tuple[float, ...] = NOISE
) -> Duel:
    """The duel of two points, given as accuracy and gap; our accuracy and their gap are noisy."""
    [duel] = fight(
        made_up_peers(
            [{"accuracy": ours[0] + 0.1 * error, DP: ours[1]} for error in noise],
            [{"accuracy": theirs[0], DP: theirs[1] + error} for error in noise],
        )
    )
    return duel


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        ((0.85, 0.05), (0.80, 0.05), "ours better"),
        ((0.85, 0.02), (0.80, 0.05), "ours better"),
        ((0.80, 0.05), (0.85, 0.05), "peer better"),
        ((0.8005, 0.05), (0.80, 0.05), "no difference detected"),
        ((0.85, 0.07), (0.80, 0.05), "not reached"),
        ((0.80, 0.07), (0.85, 0.05), "not reached"),
        # One standard error of the peer's mean is 0.0071.
        ((0.85, 0.0570), (0.80, 0.05), "ours better"),
        ((0.85, 0.0572), (0.80, 0.05), "not reached"),
    ],
)
def test_the_rule(ours, theirs, outcome) -> None:
    duel = only_duel(ours, theirs)
    assert duel.outcome == outcome
    assert duel.metric == DP
    assert duel.accuracy_difference.mean == pytest.approx(ours[0] - theirs[0])
    assert duel.gap_difference.mean == pytest.approx(ours[1] - theirs[1])
    assert duel.bound == pytest.approx(theirs[1])
    assert duel.accuracy.mean == pytest.approx(ours[0])
    assert duel.our_gap.mean == pytest.approx(ours[1])


def test_one_seed_detects_no_difference() -> None:
    duel = only_duel((0.9, 0.05), (0.5, 0.05), noise=(0.0,))
    assert duel.outcome == "no difference detected"
    assert math.isnan(duel.accuracy_difference.p_value)
    assert only_duel((0.9, 0.06), (0.5, 0.05), noise=(0.0,)).outcome == "not reached"


def test_an_equal_gap_is_reached_whatever_the_rounding() -> None:
    assert only_duel((0.9, 0.1 + 0.2), (0.5, 0.3), noise=(0.0,)).outcome != "not reached"


def test_tests_are_adjusted_for_all_duels() -> None:
    """Two duels at p = 0.04 are none below 0.05; alone each would be."""
    accuracies = np.array(NOISE) + 0.01
    accuracies = 0.5 + accuracies * (0.01 / accuracies.mean())
    p_value = paired_difference(accuracies, np.full(5, 0.5)).p_value
    shift = 0.0
    while p_value > 0.04:
        shift += 0.0005
        p_value = paired_difference(accuracies + shift, np.full(5, 0.5)).p_value
    ours = [{"accuracy": value} for value in accuracies + shift]
    alone = fight(made_up_peers(ours, [{}] * 5))
    both = fight(
        made_up_peers(
            ours, [{}] * 5, key="unmitigated", gaps=("demographic_parity", "equalized_odds")
        )
    )
    assert [duel.outcome for duel in alone] == ["ours better"]
    assert [duel.metric for duel in both] == [DP, EO]
    assert [duel.outcome for duel in both] == ["no difference detected"] * 2


def test_a_missing_peer_has_no_duel_and_counts_in_no_adjustment() -> None:
    comparison = made_up_peers(
        [{"accuracy": 0.9 + error} for error in NOISE],
        [{}] * 5,
        missing={"fairgrad-eo": "not installed", "fairgrad-dp": "not installed"},
    )
    [duel] = fight(comparison)
    assert duel.entry == ("gap-penalty-dp", 4)
    assert duel.outcome == "ours better"


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_gap_that_is_undefined_on_a_seed_has_no_duel(side: str) -> None:
    values = {"ours": [{}, {}], "theirs": [{}, {}]}
    values[side] = [{}, {DP: math.nan}]
    assert fight(made_up_peers(**values)) == []


def test_a_gap_that_is_left_out_on_a_seed_has_no_duel() -> None:
    comparison = made_up_peers(
        [{}] * 2, [{}] * 2, key="unmitigated", gaps=("demographic_parity", "equalized_odds")
    )
    del comparison.runs[1].outcomes["unmitigated", 0].ours["demographic_parity"]
    assert [duel.metric for duel in fight(comparison)] == [EO]
    del comparison.runs[0].outcomes["unmitigated", 0].ours["equalized_odds"]
    assert fight(comparison) == []


def test_recipes_are_named_by_how_often_they_were_chosen() -> None:
    [duel] = fight(made_up_peers([{}] * 3, [{}] * 3))
    assert duel.recipes == ("late-features", "input-features")
    assert duel.recipe_label == (
        "Bayes rule, groups from late features, Bayes rule, groups from inputs"
    )
    assert duel.trained_parameters == 12


def test_real_runs(peer_comparison: PeerComparison) -> None:
    duels = fight(peer_comparison)
    assert [(duel.entry[0], duel.gap) for duel in duels] == [
        ("unmitigated", "demographic_parity"),
        ("unmitigated", "equalized_odds"),
        ("gap-penalty-dp", "demographic_parity"),
    ]
    for duel in duels:
        outcomes = peer_comparison.outcomes(duel.entry)
        ours = [outcome.ours[duel.gap].test["accuracy"] for outcome in outcomes]
        theirs = [outcome.test["accuracy"] for outcome in outcomes]
        assert duel.accuracy_difference == paired_difference(ours, theirs)
