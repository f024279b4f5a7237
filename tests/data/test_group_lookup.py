from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fairfactor.data.group_lookup import GroupLookup
from fairfactor.errors import ArgumentError, DataError, SavedModelError
from fairfactor.groups import MERGED_NAME

SEX = GroupLookup(("sex",), ("f", "m"))


def people(*values: object) -> pd.DataFrame:
    return pd.DataFrame({"sex": list(values)})


def test_codes_are_those_of_the_names():
    np.testing.assert_array_equal(SEX.codes(people("m", " f", "m")), [1, 0, 1])


def test_intersections_and_numbers():
    lookup = GroupLookup(("sex", "band"), ("f × 1", "f × 2", "m × 1"))
    table = pd.DataFrame({"band": [2.0, 1.0], "sex": ["f", "m"]})
    np.testing.assert_array_equal(lookup.codes(table), [1, 2])


def test_a_missing_column_is_named_with_the_remedy():
    lookup = GroupLookup(("sex", "race"), ("f × a",))
    with pytest.raises(DataError, match=r"asks for the columns sex, race: the table has no race\."):
        lookup.codes(people("f"))


@pytest.mark.parametrize("strange", ["x", None, float("nan"), ""])
def test_an_unknown_group_is_refused_or_inferred(strange):
    table = people("m", strange, strange)
    with pytest.raises(DataError, match=r"^2 of 3 rows .*as '(x|missing)': it knows f, m\..*infer"):
        SEX.codes(table)
    np.testing.assert_array_equal(SEX.codes(table, "infer"), [1, -1, -1])


def test_all_rows_may_be_inferred():
    np.testing.assert_array_equal(SEX.codes(people("x", "y"), "infer"), [-1, -1])


def test_what_was_merged_takes_what_is_unknown():
    lookup = GroupLookup(("sex",), ("f", "m", MERGED_NAME))
    np.testing.assert_array_equal(lookup.codes(people("x", "m")), [2, 1])


def test_a_policy_that_is_none():
    with pytest.raises(ArgumentError, match="unknown_groups='drop'"):
        SEX.codes(people("m"), "drop")


def test_a_round_trip_through_json():
    assert GroupLookup.from_dict(SEX.to_dict()) == SEX


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"columns": None, "names": []},
        {"columns": [], "names": ["a"]},
        {"columns": [1], "names": ["a"]},
        ["columns"],
    ],
)
def test_damaged_lookups_are_refused(damaged):
    with pytest.raises(SavedModelError, match="groups of the model are damaged"):
        GroupLookup.from_dict(damaged)
