from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairfactor.report.scale import PADDING, Scale

numbers = st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False)


@settings(deadline=None, max_examples=60)
@given(st.lists(numbers, min_size=1, max_size=8))
def test_every_value_lies_inside_and_in_order(values: list[float]) -> None:
    scale = Scale.covering(values, least_span=0.01)
    positions = [scale.position(value) for value in sorted(values)]
    assert positions == sorted(positions)
    assert positions[0] >= PADDING
    assert positions[-1] <= 100 - PADDING


@settings(deadline=None, max_examples=60)
@given(numbers, st.floats(1e-6, 1e6))
def test_ticks_are_few_distinct_and_inside(low: float, span: float) -> None:
    scale = Scale(low, low + span)
    ticks = scale.ticks()
    slack = span * 1e-6
    assert 1 <= len(ticks) <= 6
    assert all(scale.low - slack <= value <= scale.high + slack for value, _ in ticks)
    if abs(low) < 1e6 * span:
        assert len({label for _, label in ticks}) == len(ticks)


def test_zero_is_shown_where_it_is_near() -> None:
    assert Scale.covering([0.05, 0.2, None], least_span=0.01) == Scale(0.0, 0.2)
    assert Scale.covering([-0.2, -0.05], least_span=0.01) == Scale(-0.2, 0.0)
    assert Scale.covering([16.0, 16.6], least_span=0.5) == Scale(16.0, 16.6)


def test_small_differences_do_not_fill_the_axis() -> None:
    assert Scale.covering([10.0, 10.0], least_span=2) == Scale(9.0, 11.0)
    assert Scale.covering([0.001, 0.002], least_span=0.01) == Scale(0.0, 0.01)
    assert Scale.covering([0.0], least_span=0.01) == Scale(0.0, 0.01)
    assert Scale.around_zero([0.001, None], least_span=0.01) == Scale(-0.005, 0.005)


def test_axes_without_values_still_have_width() -> None:
    assert Scale.covering([], least_span=0.01) == Scale(0.0, 1.0)
    assert Scale.around_zero([], least_span=0.01) == Scale(-0.005, 0.005)


def test_zero_is_in_the_middle_of_a_difference() -> None:
    scale = Scale.around_zero([0.1, -0.3], least_span=0.01)
    assert scale == Scale(-0.3, 0.3)
    assert scale.position(0) == 50


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (16.1, 16.75, ["16.2", "16.4", "16.6"]),
        (-0.01, 0.02, ["−0.01", "0", "0.01", "0.02"]),
        (0.185, 0.194, ["0.1850", "0.1875", "0.1900", "0.1925"]),
        (0, 1000, ["0", "250", "500", "750", "1000"]),
    ],
)
def test_tick_labels(low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in Scale(low, high).ticks()] == labels
