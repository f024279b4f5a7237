import numpy as np
import pandas as pd
import pytest

from fairfactor.data.survey import MOST_VALUES, survey


def frame(**columns):
    return pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})


def kinds(*parts, **options):
    return {n: c.kind for n, c in survey(parts, **options).columns.items()}


def test_the_kind_of_a_column_is_that_of_all_its_values():
    table = frame(
        number=["1", "2.5", None],
        category=["1", "x", "2"],
        code=["01234", "99999", "12345"],
        date=["2020-01-01", "2020-01-02", None],
        empty=[None, None, None],
        placeholder=["?", "n/a", "-"],
    )
    assert kinds(table) == {
        "number": "number",
        "category": "category",
        "code": "category",
        "date": "date",
        "empty": "empty",
        "placeholder": "category",
    }


def test_a_part_further_down_can_change_the_kind():
    assert kinds(frame(a=["1", "2"]), frame(a=["x", "y"])) == {"a": "category"}


def test_parts_give_what_the_whole_table_gives():
    generator = np.random.default_rng(0)
    table = frame(
        a=generator.normal(size=900).round(2).astype(str),
        b=generator.choice(["x", "y", "NA"], 900),
        c=generator.choice(["1,5", "2", None], 900),
    )
    whole = survey([table])
    assert survey([table.iloc[:400], table.iloc[400:401], table.iloc[401:]]) == whole
    assert whole.columns["c"].notation == "decimal commas"
    assert whole.columns["a"].distinct == table.a.nunique()


def test_placeholders_and_stray_texts_among_numbers_are_counted():
    numbers = [str(n) for n in range(200)]
    column = survey([frame(a=[*numbers, "NaN", "n/a", "about 3", None], b=["x"] * 204)]).columns[
        "a"
    ]
    assert (column.kind, column.missing, column.placeholders, column.stray) == ("number", 4, 2, 1)


def test_a_few_codes_of_which_one_is_a_letter_are_categories():
    assert kinds(frame(a=["1", "2", "3"] * 100 + ["A"])) == {"a": "category"}


def test_an_ambiguous_comma_is_settled_by_the_separator_of_the_file():
    table = frame(a=["1,234", "5,678"])
    assert survey([table]).columns["a"].notation == "thousands separated by commas"
    found = survey([table], prefer_decimal_commas=True)
    assert found.columns["a"].notation == "decimal commas"


def test_very_many_values_are_not_kept():
    names = [f"person {n}" for n in range(MOST_VALUES + 1)]
    column = survey([frame(a=names)]).columns["a"]
    assert (column.kind, column.distinct) == ("category", None)


def test_empty_rows_and_a_total_are_no_rows():
    table = frame(a=["x", None, "y", "z", "Total"], b=["1", None, "2", "3", "6"])
    found = survey([table])
    assert (found.rows, found.empty_rows, found.has_total) == (3, 1, True)
    assert found.columns["a"].distinct == 3


def test_a_last_row_is_no_total_if_its_word_is_a_category():
    assert not survey([frame(a=["Total", "x", "y", "Total"])]).has_total


@pytest.mark.parametrize("values", [[1, 2, 3], [1.5, np.nan, 2.0]])
def test_numbers_of_an_arrow_format_are_numbers(values):
    column = survey([pd.DataFrame({"a": values, "b": 1})]).columns["a"]
    assert column.kind == "number"
    assert column.missing == sum(pd.isna(values))
