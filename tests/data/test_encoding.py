import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairfactor.data.encoding import TableEncoder
from fairfactor.errors import ArgumentError, DataError, SavedModelError

ENCODINGS = ("label", "one_hot")


@pytest.fixture
def frame():
    return pd.DataFrame({"age": [20, 30, 40], "work": ["b", "a", None], "constant": [5, 5, 5]})


@st.composite
def frames(draw):
    rows = draw(st.integers(1, 20))
    number = st.floats(-1e6, 1e6, width=32)
    text = st.text(max_size=3)
    return pd.DataFrame(
        {
            "number": draw(st.lists(number, min_size=rows, max_size=rows)),
            "text": pd.Series(draw(st.lists(text, min_size=rows, max_size=rows)), dtype=object),
            "gap": pd.Series(
                draw(st.lists(st.none() | text, min_size=rows, max_size=rows)), dtype=object
            ),
        }
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(frame=frames())
@settings(deadline=None, max_examples=30)
def test_laws_of_an_encoded_table(encoding, frame):
    encoder = TableEncoder.fit(frame, encoding)
    features = encoder.transform(frame)
    assert features.dtype == np.float32
    assert features.shape == (len(frame), len(encoder.feature_names))
    assert len(encoder.source_columns) == len(encoder.feature_names)
    assert np.isfinite(features).all()

    sources = np.array(encoder.source_columns)
    for name in frame if encoding == "label" else ["number"]:
        assert features[:, sources == name].mean() == pytest.approx(0, abs=1e-4)
    if encoding == "one_hot":
        for name in ("text", "gap"):
            assert (features[:, sources == name].sum(axis=1) == 1).all()

    restored = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert restored == encoder
    np.testing.assert_array_equal(restored.transform(frame), features)


def test_one_hot_puts_columns_side_by_side(frame):
    encoder = TableEncoder.fit(frame, "one_hot")
    assert encoder.feature_names == ("age", "work=a", "work=b", "work=(missing)", "constant")
    assert encoder.source_columns == ("age", "work", "work", "work", "constant")
    expected = [[-(1.5**0.5), 0, 1, 0, 0], [0, 1, 0, 0, 0], [1.5**0.5, 0, 0, 1, 0]]
    assert encoder.transform(frame) == pytest.approx(np.array(expected))


def test_label_gives_one_standardised_input_for_each_column(frame):
    encoder = TableEncoder.fit(frame, "label")
    assert encoder.feature_names == encoder.source_columns == ("age", "work", "constant")
    expected = np.array([[-1, 0, 0], [0, -1, 0], [1, 1, 0]]) * 1.5**0.5
    assert encoder.transform(frame) == pytest.approx(expected)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_only_training_rows_shape_the_encoding(frame, encoding):
    encoder = TableEncoder.fit(frame, encoding)
    new = frame.assign(age=[1000, 2000, 3000])
    np.testing.assert_array_equal(encoder.transform(new)[:, 1:], encoder.transform(frame)[:, 1:])
    assert encoder == TableEncoder.fit(frame, encoding)


def test_order_and_other_columns_do_not_matter(frame):
    encoder = TableEncoder.fit(frame, "one_hot")
    shuffled = frame[["constant", "work", "age"]].assign(other="z")
    np.testing.assert_array_equal(encoder.transform(shuffled), encoder.transform(frame))


def test_no_rows_give_no_rows(frame):
    assert TableEncoder.fit(frame, "one_hot").transform(frame.iloc[:0]).shape == (0, 5)


def test_a_missing_column_is_named_with_those_there_are(frame):
    encoder = TableEncoder.fit(frame, "label")
    with pytest.raises(
        DataError, match=r"no column 'work': it has age, works.*Did you mean 'works'"
    ):
        encoder.transform(frame.rename(columns={"work": "works"}))


def test_an_empty_table_cannot_be_fitted(frame):
    with pytest.raises(DataError, match="at least one row"):
        TableEncoder.fit(frame.iloc[:0], "label")


def test_an_unknown_encoding_is_refused(frame):
    with pytest.raises(ArgumentError, match=r"encoding='onehot'.*one_hot"):
        TableEncoder.fit(frame, "onehot")


def replaced(place, key, value):
    def change(saved):
        saved["columns"][place][key] = value

    return change


def dropped(place, key):
    return lambda saved: saved["columns"][place].pop(key)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda saved: saved.pop("columns"), "no key 'columns'"),
        (lambda saved: saved.update(extra=1), "unknown key 'extra'"),
        (lambda saved: saved.update(columns={}), "columns={}"),
        (lambda saved: saved.update(columns=[]), "a list of columns"),
        (lambda saved: saved["columns"].append(3), r"columns\[3\] has kind=None"),
        (lambda saved: saved["columns"].append(saved["columns"][0]), "each once"),
        (replaced(0, "kind", "hash"), r"columns\[0\] has kind='hash': expected one of"),
        (replaced(0, "kind", ["numeric"]), "has kind="),
        (replaced(0, "extra", 1), r"columns\[0\] has the unknown key 'extra'"),
        (dropped(0, "mean"), r"columns\[0\] has no key 'mean'"),
        (replaced(0, "mean", "1"), r"columns\[0\].mean='1': expected a finite number"),
        (replaced(0, "mean", float("nan")), "mean=nan"),
        (replaced(0, "median", True), "median=True"),
        (replaced(0, "scale", 0), "scale=0: expected a number above 0"),
        (replaced(0, "name", 3), "name=3: expected text"),
        (replaced(1, "missing", 1), "missing=1: expected true or false"),
        (replaced(1, "categories", "ab"), "categories='ab'"),
        (replaced(1, "categories", ["a", 1]), "categories="),
        (replaced(1, "categories", ["b", "a"]), "a sorted list of different texts"),
        (replaced(1, "categories", ["a", "a"]), "a sorted list of different texts"),
    ],
)
def test_an_altered_description_is_refused(frame, change, text):
    saved = json.loads(json.dumps(TableEncoder.fit(frame, "one_hot").to_dict()))
    change(saved)
    with pytest.raises(SavedModelError, match=text):
        TableEncoder.from_dict(saved)


def test_a_description_of_another_form_is_refused():
    with pytest.raises(SavedModelError, match="encoder is list"):
        TableEncoder.from_dict([])
