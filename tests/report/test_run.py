from __future__ import annotations

import pytest

from fairfactor.report.run import Estimate, Metric


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-1.0, 1.0, False), (0.0, 1.0, False), (0.1, 1.0, True), (-1.0, -0.1, True), (None, 1, False)],
)
def test_an_interval_excludes_zero(low: float | None, high: float | None, expected: bool) -> None:
    estimate = Estimate(0.5, low, high)
    assert estimate.excludes_zero is expected
    assert estimate.has_interval is (low is not None)


def test_percents_have_two_decimal_places_and_fractions_three() -> None:
    percent = Metric("a", "A", "%", lower_is_better=True, meaning="")
    fraction = Metric("a", "A", "", lower_is_better=True, meaning="")
    assert (percent.digits, percent.least_span) == (2, 0.5)
    assert (fraction.digits, fraction.least_span) == (3, 0.01)
