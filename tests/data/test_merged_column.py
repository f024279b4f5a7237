import json

import numpy as np
import pandas as pd
import pytest

from fairfactor.data.columns import OneHotColumn
from fairfactor.data.encoding import TableEncoder
from fairfactor.data.merged_column import MergedColumn, fit_one_hot
from fairfactor.errors import DataError


def towns(*, frequent=3, rare=60, rows_each=20, missing=0):
    values = [f"big {n}" for n in range(frequent) for _ in range(rows_each)]
    values += [f"small {n}" for n in range(rare)]
    return pd.Series([*values, *[None] * missing], name="town", dtype="str")


def test_frequent_categories_have_a_place_and_rare_and_unknown_ones_share_one():
    fitted = MergedColumn.fit(towns())
    assert fitted.feature_names == ("town=big 0", "town=big 1", "town=big 2", "town=(rare)")
    rows = pd.Series(["big 1", "small 7", "never seen", None])
    assert fitted.transform(rows).tolist() == [[0, 1, 0, 0], *[[0, 0, 0, 1]] * 3]
    assert fitted.unseen(rows) == 0


def test_a_missing_value_is_a_category_of_its_own_if_training_had_one():
    fitted = MergedColumn.fit(towns(missing=2))
    assert fitted.feature_names[-2:] == ("town=(rare)", "town=(missing)")
    assert fitted.transform(pd.Series([None, "x"])).argmax(axis=1).tolist() == [4, 3]


def test_every_row_has_exactly_one_place():
    column = towns(missing=4).sample(frac=1, random_state=0)
    made = MergedColumn.fit(column).transform(column)
    np.testing.assert_array_equal(made.sum(axis=1), 1)
    assert made.dtype == np.float32


def test_the_names_of_rare_categories_are_not_kept():
    encoder = TableEncoder.fit(towns().to_frame(), "one_hot")
    assert "small" not in str(encoder.to_dict())
    assert TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (towns(), MergedColumn),
        (towns(rare=40), OneHotColumn),
        (towns(frequent=60, rare=0), OneHotColumn),
        (towns(frequent=600, rare=0), MergedColumn),
        (towns().astype("category"), MergedColumn),
        (towns(rare=40).astype("category").iloc[:3], OneHotColumn),
    ],
)
def test_only_the_rare_ones_of_many_are_merged(column, kind):
    assert type(fit_one_hot(column)) is kind


def test_at_most_500_are_kept():
    assert len(MergedColumn.fit(towns(frequent=600, rare=0)).categories) == 500


def test_without_frequent_categories_nothing_is_merged():
    thrice = pd.concat([towns(frequent=0)] * 3)
    assert type(fit_one_hot(thrice)) is OneHotColumn


def test_an_identifier_is_refused():
    with pytest.raises(DataError, match=r"has 203 categories in 260 training rows"):
        fit_one_hot(towns(rare=200))
