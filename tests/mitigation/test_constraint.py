import fairlearn.metrics
import numpy as np
import pytest

from fairfactor.errors import ArgumentError
from fairfactor.fairness import ConfusionCounts, confusion_counts
from fairfactor.mitigation.constraint import METRIC_OF_NAME, Constraint


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    groups = generator.integers(3, size=900)
    true = generator.integers(2, size=900)
    predicted = np.where(generator.random(900) < 0.6 + 0.1 * groups, true, 1 - true)
    return true, predicted, groups


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("equalized_odds<=0.05", Constraint("equalized_odds", 0.05)),
        ("  Equalised odds <= 5 % ", Constraint("equalized_odds", 0.05)),
        ("demographic-parity≤1e-2", Constraint("demographic_parity", 0.01)),
        ("accuracy>=84%", Constraint("accuracy", 0.84)),
        ("worst_group_accuracy ≥ .8", Constraint("worst_group_accuracy", 0.8)),
        ("worst_group_error<=20%", Constraint("worst_group_error", 0.2)),
        ("equalized_odds_difference_sum<=1.5", Constraint("equalized_odds_sum", 1.5)),
    ],
)
def test_parse(text, expected):
    constraint = Constraint.parse(text)
    assert constraint.metric == expected.metric
    assert constraint.bound == pytest.approx(expected.bound)
    assert Constraint.parse(str(constraint)) == constraint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("equalized_odd<=0.05", "Did you mean 'equalized_odds'"),
        ("equalized_odds>=0.05", "the sign <="),
        ("accuracy<=0.8", "the sign >="),
        ("equalized_odds=0.05", "the sign <="),
        ("equalized_odds", "equalized_odds<=0.05"),
        ("equalized_odds<=5", "sign %"),
        ("equalized_odds<=-", "constraint="),
        ("equalized_odds<=1e", "a number as the bound"),
        ("", "constraint="),
    ],
)
def test_parse_refuses_with_the_next_step(text, message):
    with pytest.raises(ArgumentError, match=message):
        Constraint.parse(text)


def test_values_are_those_of_fairlearn(data):
    true, predicted, groups = data
    counts = confusion_counts(true, predicted, groups)
    arguments = {"y_true": true, "y_pred": predicted, "sensitive_features": groups}
    frame = fairlearn.metrics.MetricFrame(
        metrics=lambda t, p: np.mean(t == p), **arguments
    ).by_group
    expected = {
        "equalized_odds": fairlearn.metrics.equalized_odds_difference(**arguments),
        "equalized_odds_mean": fairlearn.metrics.equalized_odds_difference(**arguments, agg="mean"),
        "demographic_parity": fairlearn.metrics.demographic_parity_difference(**arguments),
        "equal_opportunity": fairlearn.metrics.equal_opportunity_difference(**arguments),
        "worst_group_accuracy": frame.min(),
        "worst_group_error": 1 - frame.min(),
        "accuracy": np.mean(true == predicted),
    }
    for name, value in expected.items():
        assert float(Constraint(name, 0.5).value(counts)) == pytest.approx(value)


@pytest.mark.parametrize("name", METRIC_OF_NAME)
def test_met_exactly_at_the_value_and_not_beyond(name, data):
    counts = confusion_counts(*data)
    value = float(Constraint(name, 0.0).value(counts))
    step = -1e-3 if Constraint(name, 0.0).is_floor else 1e-3
    assert Constraint(name, value).is_met(counts)
    assert Constraint(name, value + step).is_met(counts)
    assert not Constraint(name, value - step).is_met(counts)


def test_confidence_asks_for_more_than_the_estimate(data):
    counts = confusion_counts(*data)
    value = float(Constraint("equalized_odds", 0.0).value(counts))
    assert not Constraint("equalized_odds", value).is_met(counts, 0.9)
    assert Constraint("equalized_odds", min(1.0, value + 0.2)).is_met(counts, 0.9)
    accuracy = float(Constraint("accuracy", 0.0).value(counts))
    assert not Constraint("accuracy", accuracy).is_met(counts, 0.9)
    assert Constraint("accuracy", accuracy - 0.1).is_met(counts, 0.9)
    with pytest.raises(ArgumentError, match="confidence"):
        Constraint("accuracy", 0.5).is_met(counts, 1.0)


def test_undefined_is_not_met():
    counts = ConfusionCounts(np.array([[[5, 0], [0, 0]], [[0, 0], [0, 5]]]), ("a", "b"))
    constraint = Constraint("equalized_odds", 1.0)
    assert np.isnan(constraint.value(counts))
    assert not constraint.is_met(counts)
    assert not constraint.is_met(counts, 0.9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("error_rate<=0.25", "accuracy>=0.75"),
        ("worst_group_error<=0.25", "worst_group_accuracy>=0.75"),
        ("equalized_odds<=0.25", "equalized_odds<=0.25"),
        ("accuracy>=0.75", "accuracy>=0.75"),
    ],
)
def test_a_bound_on_an_error_is_one_on_an_accuracy(text, expected):
    assert Constraint.parse(text).on_accuracy == Constraint.parse(expected)
