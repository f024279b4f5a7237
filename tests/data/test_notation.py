import numpy as np
import pandas as pd
import pytest

from fairfactor.data.notation import NOTATION_OF_NAME, NOTATIONS, cleaned


def texts(*values):
    return pd.Series(values, dtype="str")


@pytest.mark.parametrize(
    ("name", "text", "number"),
    [
        ("plain", "-1.5e3", -1500),
        ("plain", ".5", 0.5),
        ("thousands separated by spaces", "1 234 567.5", 1_234_567.5),
        ("thousands separated by spaces", "1\u00a0234", 1234),
        ("thousands separated by spaces", "1'234", 1234),
        ("thousands separated by commas", "1,234,567.5", 1_234_567.5),
        ("decimal commas", "1.234,56", 1234.56),
        ("decimal commas", "-0,125", -0.125),
        ("percentages", "12.5 %", 12.5),
        ("percentages with decimal commas", "12,5%", 12.5),
    ],
)
def test_a_number_is_read_in_its_notation(name, text, number):
    notation = NOTATION_OF_NAME[name]
    assert notation.fits(texts(text)).all()
    assert notation.parse(texts(text)).tolist() == [number]


@pytest.mark.parametrize("text", ["", "12a", "1,23,4", "1.2.3", "2020-01-01", "--1", "1 23", "a"])
def test_what_is_no_number_fits_no_notation(text):
    assert not any(notation.fits(texts(text)).any() for notation in NOTATIONS)


def test_a_small_decimal_is_not_taken_for_thousands():
    assert not NOTATION_OF_NAME["thousands separated by commas"].fits(texts("0,125")).any()


def test_what_cannot_be_read_is_missing():
    parsed = NOTATION_OF_NAME["decimal commas"].parse(texts("1,5", "n/a", None))
    np.testing.assert_array_equal(parsed, [1.5, np.nan, np.nan])


def test_outer_spaces_and_spellings_of_booleans_are_evened_out():
    found = cleaned(texts(" a ", "  ", None, "TRUE", "false", "Truth"))
    assert found.tolist()[0] == "a"
    assert found.isna().tolist() == [False, True, True, False, False, False]
    assert found.tolist()[3:] == ["True", "False", "Truth"]
