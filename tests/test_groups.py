from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairfactor.errors import ArgumentError, DataError, FairfactorWarning
from fairfactor.groups import Groups, encode_groups


def encode(sensitive_features, **options):
    return encode_groups(sensitive_features, **{"minimum_size": 0} | options)


def row_names(groups: Groups) -> list[str | None]:
    return [groups.names[code] if code >= 0 else None for code in groups.codes]


@pytest.mark.parametrize("container", [list, tuple, np.array, pd.Series, pd.Categorical, iter])
def test_one_feature_in_any_container(container):
    groups = encode(container(["Male", "Female", "Male"]))
    assert groups.names == ("Female", "Male")
    assert groups.codes.tolist() == [1, 0, 1]
    assert groups.codes.dtype == np.int64
    assert groups.counts.tolist() == [1, 2]
    assert len(groups) == 3
    assert groups.positions("Male").tolist() == [0, 2]


@pytest.mark.parametrize("container", [dict, pd.DataFrame])
def test_several_features_make_intersections_in_their_order(container):
    features = {"sex": ["Female", "Male", "Female"], "race": ["White", "Black", "Black"]}
    groups = encode(container(features))
    assert groups.names == ("Female × Black", "Female × White", "Male × Black")
    assert groups.codes.tolist() == [1, 2, 0]
    assert encode(container(dict(reversed(features.items())))).names[0] == "Black × Female"


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([1, 0, 1], ["1", "0", "1"]),
        (np.array([1.0, 0.0, np.nan]), ["1", "0", "missing"]),
        (np.array([1, 0], dtype=np.uint8), ["1", "0"]),
        ([True, False], ["True", "False"]),
        ([0.5, 2], ["0.5", "2"]),
        ([" Male", "Male "], ["Male", "Male"]),
        (["a", float("nan"), None, "", "  ", pd.NA, pd.NaT], ["a"] + ["missing"] * 6),
        (["nan", "None"], ["nan", "None"]),
        (pd.Series([1, None, 0]), ["1", "missing", "0"]),
        (pd.Series([1, None, 0], dtype="Int64"), ["1", "missing", "0"]),
        (pd.Series(["a", None], dtype="category"), ["a", "missing"]),
    ],
)
def test_labels_read_as_text_and_missing_ones_as_their_own_group(labels, names):
    assert row_names(encode(labels)) == names


def test_missing_labels_can_exclude_their_row():
    features = {"sex": ["Female", None, "Male", "Male"], "race": ["White", "Black", "", "Black"]}
    assert row_names(encode(features)) == [
        "Female × White",
        "missing × Black",
        "Male × missing",
        "Male × Black",
    ]
    groups = encode(features, missing="exclude")
    assert row_names(groups) == ["Female × White", None, None, "Male × Black"]
    assert groups.counts.tolist() == [1, 1]


SIZES = ["a"] * 5 + ["b"] * 2 + ["c"] + ["d"] * 4


def test_small_groups_are_merged():
    groups = encode(SIZES, minimum_size=3, small_groups="merge")
    assert dict(zip(groups.names, groups.counts, strict=True)) == {
        "a": 5,
        "d": 4,
        "other (small groups)": 3,
    }


def test_small_groups_are_excluded():
    groups = encode(SIZES, minimum_size=3, small_groups="exclude")
    assert groups.names == ("a", "d")
    assert row_names(groups)[5:8] == [None] * 3


def test_small_groups_are_refused_by_name():
    with pytest.raises(DataError, match=r"minimum_size=3 rows, 'b' \(n=2\), 'c' \(n=1\): "):
        encode(SIZES, minimum_size=3, small_groups="refuse")
    assert encode(SIZES, minimum_size=1, small_groups="refuse").names == ("a", "b", "c", "d")


def test_small_groups_that_are_kept_are_named_in_a_warning():
    with pytest.warns(FairfactorWarning, match=r"'b' \(n=2\), 'c' \(n=1\)") as caught:
        groups = encode(SIZES, minimum_size=3)
    assert caught[0].filename == __file__
    assert groups.names == ("a", "b", "c", "d")
    with pytest.warns(FairfactorWarning, match=r"'other \(small groups\)' \(n=3\)"):
        encode(SIZES, minimum_size=4, small_groups="merge")


def test_default_warns_below_thirty_rows_and_shortens_long_lists():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode_groups(["a"] * 30 + ["b"] * 30)
    with pytest.warns(FairfactorWarning, match=r"'15' \(n=1\) and 32 more"):
        encode_groups(range(40))


def test_known_names_keep_their_codes_on_new_data():
    known = encode(SIZES).names
    groups = encode(["d", "a"], names=known)
    assert groups.names == known
    assert groups.codes.tolist() == [3, 0]
    assert groups.counts.tolist() == [1, 0, 0, 1]


def test_unknown_groups_follow_the_policy_of_small_groups():
    merged = encode(SIZES, minimum_size=3, small_groups="merge").names
    assert row_names(encode(["b", "new", "a"], names=merged, small_groups="merge")) == [
        "other (small groups)",
        "other (small groups)",
        "a",
    ]
    groups = encode(["b", "new", "a"], names=["a", "d"], small_groups="exclude")
    assert row_names(groups) == [None, None, "a"]
    for policy in ("keep", "refuse", "merge"):
        with pytest.raises(DataError, match="unknown groups, 'b', 'new': expected 'a', 'd'"):
            encode(["b", "new", "a"], names=["a", "d"], small_groups=policy)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "no rows"),
        ({}, "no rows"),
        ({"sex": []}, "no rows"),
        ({"sex": ["F", "M"], "race": ["W"]}, r"\{'sex': 2, 'race': 1\}"),
        ("Female", "one value"),
        (np.array(3), "one value"),
        (np.array([["F", "W"], ["M", "B"]]), "several values in a row"),
        ([("F", "W")], "several values in a row"),
    ],
)
def test_unusable_features_are_refused(features, message):
    with pytest.raises(DataError, match=message):
        encode(features)


def test_excluding_every_row_is_refused():
    with pytest.raises(DataError, match="all 2 rows"):
        encode([None, ""], missing="exclude")


@pytest.mark.parametrize(
    ("option", "value"), [("small_groups", "drop"), ("missing", "drop"), ("minimum_size", -1)]
)
def test_unknown_options_are_refused(option, value):
    with pytest.raises(ArgumentError, match=f"{option}={value!r}"):
        encode(["a"], **{option: value})


def test_groups_are_checked_and_read_only():
    for codes in ([0, 2], [-2, 0], [0.0, 1.0], [[0, 1]]):
        with pytest.raises(ArgumentError, match="codes"):
            Groups(np.array(codes), ("a", "b"))
    with pytest.raises(ArgumentError, match="distinct"):
        Groups(np.array([0]), ("a", "a"))
    codes = np.array([0, -1])
    groups = Groups(codes, ("a", "b"))
    with pytest.raises(ValueError, match="read-only"):
        groups.codes[0] = 1
    codes[0] = 1
    assert groups.codes.tolist() == [0, -1]
    with pytest.raises(ArgumentError, match=r"'c'.*'a', 'b'"):
        groups.positions("c")


LABELS = st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=30)


@settings(deadline=None, max_examples=50)
@given(labels=LABELS, data=st.data())
def test_encoding_does_not_depend_on_row_order(labels, data):
    order = data.draw(st.permutations(range(len(labels))))
    groups, shuffled = encode(labels), encode([labels[row] for row in order])
    assert shuffled.names == groups.names == tuple(sorted(groups.names))
    np.testing.assert_array_equal(shuffled.codes, groups.codes[order])
    assert groups.counts.sum() == len(labels)
    assert encode(labels, names=groups.names).codes.tolist() == groups.codes.tolist()
