from dataclasses import replace

import numpy as np
import pytest
from tests.mitigation.example_points import CONSTANT, at_most, counts, of_counts, point, rates

from fairfactor.errors import ArgumentError
from fairfactor.fairness import METRICS, ConfusionCounts
from fairfactor.intervals import resample
from fairfactor.mitigation.constraint import Constraint
from fairfactor.mitigation.frontier import Frontier


@pytest.fixture
def frontier():
    return Frontier(
        (point(0.9, 0.2), point(0.8, 0.1), point(0.7, 0.02), point(0.75, 0.15), point(0.85, 0.1))
    )


@pytest.mark.parametrize(("bound", "accuracy"), [(0.3, 0.9), (0.2, 0.9), (0.1, 0.85), (0.05, 0.7)])
def test_chooses_the_most_accurate_that_meets_the_constraint(frontier, bound, accuracy):
    choice = frontier.select(at_most(bound))
    assert choice.met
    assert choice.point.metric("accuracy") == pytest.approx(accuracy)
    assert f"{accuracy:.2%}" in choice.message


def test_without_constraints_the_most_accurate(frontier):
    assert frontier.select([]).point is frontier.points[0]


def test_several_constraints_hold_together(frontier):
    choice = frontier.select([*at_most(0.12), Constraint("accuracy", 0.82)])
    assert choice.met
    assert choice.point is frontier.points[4]


def test_what_cannot_be_met_gives_the_nearest_and_says_so(frontier):
    choice = frontier.select(at_most(0.01))
    assert not choice.met
    assert choice.point is frontier.points[2]
    assert choice.message.startswith("No operating point meets demographic_parity<=0.01.")
    assert "0.0200" in choice.message


def test_no_accuracy_is_given_away_for_a_negligible_part_of_a_miss():
    frontier = Frontier((point(0.7, 0.02), point(0.85, 0.021), point(0.9, 0.03)))
    choice = frontier.select(at_most(0.01))
    assert not choice.met
    assert choice.point is frontier.points[1]


def test_training_rows_have_a_say_unless_told_otherwise():
    lucky, steady = point(0.9, 0.04, train_gap=0.1), point(0.8, 0.04)
    frontier = Frontier((lucky, steady))
    assert frontier.select(at_most(0.05)).point is steady
    assert frontier.select(at_most(0.05), evidence="validation").point is lucky


def test_confidence_asks_for_a_margin():
    frontier = Frontier((point(0.85, 0.05), point(0.8, 0.02)))
    assert frontier.select(at_most(0.0501)).point is frontier.points[0]
    assert frontier.select(at_most(0.0501), confidence=0.95).point is frontier.points[1]
    missed = frontier.select(at_most(0.0201), confidence=0.95)
    assert not missed.met
    assert missed.point is frontier.points[1]
    assert "confidence 0.95" in missed.message


def test_a_wide_margin_that_noise_eats_does_not_rule_out_a_narrow_one_that_holds():
    """100 positive rows leave the TPR unsure by 5 points, 9,900 negative ones the FPR by half."""
    unsure = of_counts(rates([(0.78, 0.05), (0.70, 0.05)], (0.01, 0.5)))
    sure = of_counts(rates([(0.70, 0.05), (0.70, 0.19)], (0.01, 0.5)))
    frontier = Frontier((unsure, sure))
    constraints = [Constraint("equalized_odds", 0.15)]
    assert unsure.metric("accuracy") > sure.metric("accuracy")
    assert unsure.metric("equalized_odds") < sure.metric("equalized_odds")
    choice = frontier.select(constraints, confidence=0.95)
    assert choice.met
    assert choice.point is sure


def test_what_noise_hides_is_not_worth_accuracy_where_nothing_is_sure_enough():
    """With 10,000 rows a group the surest may easily miss by half a point, so less decides nothing.

    By the estimates alone it does.
    """
    surest, hidden, clear = point(0.8, 0.0), point(0.85, 0.004), point(0.9, 0.02)
    frontier = Frontier((surest, hidden, clear))
    choice = frontier.select(at_most(0.001), confidence=0.9)
    assert not choice.met
    assert choice.point is hidden
    assert frontier.select(at_most(0.001)).point is surest


def test_the_same_decision_for_everyone_is_not_chosen_unless_asked_for(frontier):
    assert CONSTANT.is_constant
    assert not frontier.points[0].is_constant
    both = Frontier((*frontier.points, CONSTANT))
    refused = both.select(at_most(0.01))
    assert not refused.met
    assert refused.point is frontier.points[2]
    assert refused.message.endswith("The same decision for everyone would, at accuracy 70.00%.")
    assert "everyone" not in frontier.select(at_most(0.01)).message
    asked = both.select(at_most(0.01), constant=True)
    assert asked.met
    assert asked.point is CONSTANT
    assert Frontier((CONSTANT,)).select(at_most(0.01)).met


def test_says_when_most_of_the_accuracy_above_a_constant_is_given_up(frontier):
    both = Frontier((point(0.9, 0.2), point(0.78, 0.01), CONSTANT))
    assert both.select(at_most(0.02)).message.endswith(
        "That gives up more than half of what the inputs are worth: the same decision for everyone "
        "has 70.00%, the most accurate point 90.00%."
    )
    assert "half" not in both.select(at_most(0.3)).message
    assert "half" not in frontier.select(at_most(0.05)).message


def test_what_is_little_worth_is_not_chosen_where_a_miss_is_worth_its_accuracy():
    sure, near, far = point(0.78, 0.0), point(0.85, 0.016), point(0.9, 0.2)
    useful = Frontier((far, sure, near, CONSTANT))
    missed = useful.select(at_most(0.02), confidence=0.9)
    assert (missed.point, missed.met) == (near, False)
    assert missed.message.startswith("No operating point of use meets demographic_parity<=0.02")
    assert "One with accuracy 78.00% would (r). That gives up more than half" in missed.message
    assert useful.select(at_most(0.02)).point is near
    without = Frontier((far, sure, CONSTANT)).select(at_most(0.02), confidence=0.9)
    assert (without.point, without.met) == (sure, True)


def test_by_the_estimates_alone_what_is_met_is_chosen_whatever_its_worth():
    met, missed = point(0.78, 0.0195), point(0.85, 0.0205)
    choice = Frontier((met, missed, point(0.9, 0.2), CONSTANT)).select(at_most(0.02))
    assert (choice.point, choice.met) == (met, True)


def test_luck_does_not_meet_a_bound_that_rows_cannot_decide():
    """With 2,000 rows a group equal rates differ by 2 points or more in a tenth of samples."""
    lucky = replace(point(0.85, 0.0), validation=counts(0.85, 0.0, rows=2000))
    frontier = Frontier((lucky, point(0.9, 0.2)))
    for bound, met in ((0.015, False), (0.03, True)):
        choice = frontier.select(at_most(bound), confidence=0.9)
        assert (choice.point, choice.met) == (lucky, met)


def test_a_gap_can_be_minimised_under_a_floor_of_accuracy(frontier):
    choice = frontier.select([Constraint("accuracy", 0.8)], minimize="demographic_parity")
    assert choice.point is frontier.points[4]
    with pytest.raises(ArgumentError, match="better when small"):
        frontier.select([], minimize="accuracy")
    with pytest.raises(ArgumentError, match="evidence"):
        frontier.select([], evidence="test")


class TestWeighing:
    def test_it_is_the_least_of_a_loop_over_all_points(self):
        source = np.random.default_rng(0)
        points = [point(*pair) for pair in source.uniform((0.6, 0.0), (0.84, 0.3), (40, 2))]
        for bound, price in ((0.0, 1.0), (0.02, 5.0), (0.1, 2.0), (0.25, 20.0)):
            costs = []
            for one in points:
                pooled = ConfusionCounts(
                    one.train.cells + one.validation.cells, one.validation.group_names
                )
                gaps = METRICS["demographic_parity_difference"](resample(pooled, 400))
                misses = [max(float(gap) - bound, 0.0) for gap in gaps]
                error = 1 - one.metric("accuracy")
                costs.append(error + price * sum(misses) / len(misses))
            found = Frontier(tuple(points)).weigh(at_most(bound), price=price).point
            assert found is points[int(np.argmin(costs))]

    def test_rows_that_models_know_by_heart_do_not_count(self):
        """Known by heart: 97 % on training rows, 80 % on validation rows."""
        train = counts(0.97, 0.0)
        lucky, steady = (
            replace(point(accuracy, gap), train=train)
            for accuracy, gap in ((0.8, 0.06), (0.78, 0.03))
        )
        frontier = Frontier((lucky, steady))
        assert frontier.weigh(at_most(0.03)).point is steady
        unknown = Frontier(tuple(replace(p, train=counts(0.8, 0.0)) for p in frontier.points))
        assert unknown.weigh(at_most(0.03)).point.validation is lucky.validation

    def test_it_says_what_estimates_keep(self, frontier):
        assert frontier.weigh(at_most(0.15)).met
        missed = frontier.weigh(at_most(0.01))
        assert not missed.met
        assert missed.message.startswith("No operating point meets demographic_parity<=0.01.")

    def test_luck_that_noise_explains_is_not_worth_accuracy(self):
        """Unlike by estimates, which only the less accurate keeps."""
        lucky, better = point(0.8, 0.0), point(0.85, 0.002)
        both = Frontier((lucky, better))
        assert both.select(at_most(0.001)).point is lucky
        assert both.weigh(at_most(0.001)).point is better

    def test_a_margin_is_not_paid_for_at_any_price(self):
        """Unlike with confidence, which only the less accurate keeps."""
        sure, near = point(0.7, 0.0), point(0.85, 0.012)
        both = Frontier((sure, near))
        assert both.select(at_most(0.015), confidence=0.9).point is sure
        assert both.weigh(at_most(0.015)).point is near

    def test_floors_and_several_bounds_add_up(self, frontier):
        constraints = [*at_most(0.1), Constraint("accuracy", 0.84)]
        assert frontier.weigh(constraints).point is frontier.points[4]
        assert frontier.weigh([]).point is frontier.points[0]

    def test_the_same_decision_for_everyone_only_if_asked_for(self, frontier):
        both = Frontier((*frontier.points, CONSTANT))
        assert not both.weigh(at_most(0.0)).point.is_constant
        assert both.weigh(at_most(0.0), constant=True).point is CONSTANT


def test_most_of_the_worth_is_half_the_way_from_useless_to_best(frontier):
    both = Frontier((point(0.9, 0.2), CONSTANT))  # 0.7
    assert both.keeps_most_worth(0.81)
    assert not both.keeps_most_worth(0.79)
    assert frontier.keeps_most_worth(0.1)  # nothing useless to compare with


def test_pareto_keeps_what_no_other_point_beats(frontier):
    kept = frontier.pareto("demographic_parity").points
    assert kept == (frontier.points[2], frontier.points[4], frontier.points[0])


def test_area_is_that_of_the_staircase(frontier):
    area = frontier.area("demographic_parity", worst_gap=0.3, worst_accuracy=0.5)
    expected = (0.08 * 0.2 + 0.1 * 0.35 + 0.1 * 0.4) / (0.3 * 0.5)
    assert area == pytest.approx(expected, rel=1e-6)
    assert Frontier(frontier.points[1:2]).area(
        "demographic_parity", worst_gap=0.05, worst_accuracy=0.5
    ) == pytest.approx(0)


def test_no_points_are_refused():
    with pytest.raises(ArgumentError, match="points"):
        Frontier(())
