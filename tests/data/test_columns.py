import numpy as np
import pandas as pd
import pytest

from fairfactor.data.columns import LabelColumn, NumericColumn, OneHotColumn, is_categorical
from fairfactor.errors import DataError, FairfactorWarning


def series(values, **options):
    return pd.Series(values, name="x", **options)


def test_numbers_are_standardised_by_the_training_rows():
    fitted = NumericColumn.fit(series([1, 2, 3, 6]))
    assert (fitted.median, fitted.mean, fitted.scale) == (2.5, 3.0, pytest.approx(3.5**0.5))
    assert fitted.transform(series([3.0])).tolist() == [[0.0]]


@pytest.mark.parametrize("value", [0.1, -3, 0])
def test_a_constant_number_becomes_zero(value):
    fitted = NumericColumn.fit(series([value] * 7))
    assert fitted.scale == 1
    assert fitted.transform(series([value] * 7)) == pytest.approx(np.zeros((7, 1)))


@pytest.mark.parametrize("dtype", ["float64", "Float64", "Int64"])
def test_a_missing_number_takes_the_training_median_and_is_counted(dtype):
    rows = series([1, None, 2, 9], dtype=dtype)
    fitted = NumericColumn.fit(rows)
    assert (fitted.median, fitted.mean) == (2, 3.5)
    with pytest.warns(FairfactorWarning, match="'x': 1 of 4 values are missing.*median 2"):
        features = fitted.transform(rows)
    assert features[1] == features[2]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_an_infinite_number_is_refused(value):
    with pytest.raises(DataError, match=f"'x' has the value {value} in row 1".replace("+", r"\+")):
        NumericColumn.fit(series([1.0, value]))
    with pytest.raises(DataError, match="finite"):
        NumericColumn.fit(series([1.0, 2.0])).transform(series([1.0, value]))


def test_a_number_may_come_as_text_but_a_word_or_a_date_may_not():
    fitted = NumericColumn.fit(series([1, 3]))
    assert fitted.transform(series(["1", "3"])).tolist() == [[-1], [1]]
    with pytest.raises(DataError, match="'x' has the value 'much': expected a number"):
        fitted.transform(series(["1", "much"]))
    with pytest.raises(DataError, match="has type datetime64"):
        fitted.transform(series(pd.to_datetime(["2020-01-01"])))


def test_a_column_without_any_value_is_refused():
    with pytest.raises(DataError, match="'x' has no value in the training rows"):
        NumericColumn.fit(series([np.nan, np.nan]))


def test_one_hot_has_a_one_for_each_known_value():
    fitted = OneHotColumn.fit(series(["b", "a", "b"]))
    assert fitted.feature_names == ("x=a", "x=b")
    assert fitted.transform(series(["b", "a"])).tolist() == [[0, 1], [1, 0]]


def test_a_missing_value_is_a_category_of_its_own():
    rows = series(["b", None, "a"])
    one_hot, label = OneHotColumn.fit(rows), LabelColumn.fit(rows)
    assert one_hot.feature_names == ("x=a", "x=b", "x=(missing)")
    assert one_hot.transform(rows).tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert label.transform(rows)[:, 0] == pytest.approx(np.array([0, 1, -1]) * 1.5**0.5)


@pytest.mark.parametrize("unknown", ["c", None])
def test_an_unknown_category_is_counted(unknown):
    training, rows = series(["a", "b"]), series(["a", unknown, unknown])
    with pytest.warns(FairfactorWarning, match=r"'x': 2 of 3 .*\((nan|None|'c') 2 times\).* are 0"):
        assert OneHotColumn.fit(training).transform(rows).tolist() == [[1, 0], [0, 0], [0, 0]]
    with pytest.warns(FairfactorWarning, match="2 times.*reserved code 2"):
        assert LabelColumn.fit(training).transform(rows).tolist() == [[-1], [3], [3]]


def test_a_long_list_of_unknown_categories_is_cut():
    fitted = OneHotColumn.fit(series(["a", "b"]))
    with pytest.warns(FairfactorWarning, match="and 15 more"):
        fitted.transform(series([f"new {row}" for row in range(20)]))


def test_numbers_too_close_to_tell_apart_stay_finite():
    rows = series([0, 1e-200])
    assert NumericColumn.fit(rows).transform(rows).tolist() == [[0], [0]]


def test_a_constant_category_becomes_zero():
    assert LabelColumn.fit(series(["a", "a"])).transform(series(["a"])).tolist() == [[0]]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (series(["a"]), True),
        (series(["a"], dtype=object), True),
        (series([1, 2], dtype="category"), True),
        (series([True, False]), True),
        (series([True, None], dtype="boolean"), True),
        (series([1]), False),
        (series([1, None], dtype="Int64"), False),
        (series([1.5], dtype="float32"), False),
    ],
)
def test_types_decide_what_a_category_is(rows, expected):
    assert is_categorical(rows) is expected


def test_dates_are_refused():
    with pytest.raises(DataError, match=r"'x' has type datetime64.*Convert or exclude"):
        is_categorical(series(pd.to_datetime(["2020-01-01"])))


@pytest.mark.parametrize("values", [[True, False], [1, 2], ["1", "2"]])
def test_categories_of_any_type_are_compared_as_text(values):
    rows = series(values, dtype="category")
    assert OneHotColumn.fit(rows).transform(rows.astype(object)).sum() == 2


@pytest.mark.parametrize("rows", [60, 4000])
def test_an_identifier_is_refused(rows):
    names = series([f"name {row}" for row in range(rows)])
    with pytest.raises(DataError, match=f"{rows} categories in {rows} training rows.*identifier"):
        OneHotColumn.fit(names)
