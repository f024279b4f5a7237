from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairfactor.data.dates import (
    DATE_NOTATIONS,
    DAY_FIRST,
    ISO,
    MONTH_FIRST,
    are_dates,
    likely_notation,
)

WRITTEN = {ISO: "{0:%Y-%m-%d}", DAY_FIRST: "{0:%d.%m.%Y}", MONTH_FIRST: "{0:%m/%d/%Y}"}


def texts(*values):
    return pd.Series(values, dtype="str")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("2020-01-01", "2020-12-31 10:30:00"), True),
        (("2020-01-01T10:30:00Z",), True),
        (("1.2.2020", "31.12.99"), True),
        (("1/2/2020",), True),
        (("10:30",), True),
        (("2020-01-01", "soon"), False),
        (("2020",), False),
    ],
)
def test_dates_are_recognised(values, expected):
    assert are_dates(texts(*values)) is expected


@given(
    st.lists(st.dates(date(1800, 1, 1), date(2200, 12, 31)), min_size=1),
    st.sampled_from(DATE_NOTATIONS),
)
def test_years_with_their_fraction(days, notation):
    found = notation.parse(texts(*(WRITTEN[notation].format(day) for day in days)))
    for day, year in zip(days, found, strict=True):
        assert int(year) == day.year
        length = (date(day.year + 1, 1, 1) - date(day.year, 1, 1)).days
        assert year == pytest.approx(day.year + (day - date(day.year, 1, 1)).days / length)


@pytest.mark.parametrize("text", ["2021-02-29", "2021-13-01", "soon", "2021", "1.2.21", "10:30"])
def test_what_is_no_date_of_the_calendar_is_missing(text):
    assert ISO.parse(texts(text)).isna().all()
    assert not ISO.fits(texts(text)).any()


def test_missing_values_stay_missing_and_rows_keep_their_index():
    column = pd.Series(["2020-01-01", None], index=[7, 3], dtype="str", name="day")
    found = ISO.parse(column)
    assert found.index.tolist() == [7, 3]
    assert found.name == "day"
    assert found.tolist()[0] == 2020
    assert np.isnan(found.tolist()[1])


def test_times_after_a_date_are_left_out():
    found = ISO.parse(texts("2020-01-01 23:59:59", "2020-01-01T10:30:00+02:00"))
    assert found.tolist() == [2020, 2020]


def test_years_of_two_digits():
    assert DAY_FIRST.parse(texts("1.1.70", "1.1.69")).tolist() == [1970, 2069]


@pytest.mark.parametrize(
    ("values", "slashes", "expected"),
    [
        (("1/2/2020", "3/4/2020"), True, MONTH_FIRST),
        (("1.2.2020", "3.4.2020"), False, DAY_FIRST),
        (("1/2/2020", "31/4/2020"), True, None),
        (("1/2/2020", "30/4/2020"), True, DAY_FIRST),
        (("1-2-2020", "4-30-2020"), False, MONTH_FIRST),
        (("2020-01-02", "1.2.2020"), False, None),
        (("10:30",), False, None),
    ],
)
def test_the_notation_that_fits_every_row_is_taken(values, slashes, expected):
    fitting = {n.name: int(n.fits(texts(*values)).sum()) for n in DATE_NOTATIONS}
    found = likely_notation(fitting, len(values), slashes=slashes)
    assert found == (expected.name if expected else None)
