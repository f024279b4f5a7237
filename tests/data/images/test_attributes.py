import numpy as np
import pandas as pd
import pytest

from fairfactor.data.images.attributes import attribute_shares
from fairfactor.data.images.drawn_faces import DrawnFaces, load_drawn_faces
from fairfactor.data.images.table import ImageTable
from fairfactor.errors import DataError

FRAME = pd.DataFrame(
    {
        "image": list("abcdef"),
        "Smiling": np.array([0, 1, 1, 0, 1, 0], dtype="int8"),
        "sex": ["f", "f", "f", "m", "m", "m"],
        "race": pd.Categorical(["x", "y", None, "x", "x", "y"]),
        "score": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        "person": list("uvwxyz"),
    }
)


def test_shares_of_attributes_and_values_by_group():
    table = ImageTable(FRAME, DrawnFaces(10), identity="person")
    names, counts, shares = attribute_shares(table, ["sex"])
    assert (names, counts) == (("f", "m"), (3, 3))
    found = {one.name: one for one in shares}
    assert list(found) == ["Smiling", "race = x", "race = y"]
    assert found["Smiling"].share == 0.5
    assert found["Smiling"].group_shares == pytest.approx((2 / 3, 1 / 3))
    assert found["Smiling"].gap == pytest.approx(1 / 3)
    assert found["race = x"].share == pytest.approx(3 / 5)
    assert found["race = x"].group_shares == pytest.approx((1 / 2, 2 / 3))


def test_the_drawn_faces_have_the_gap_that_they_are_made_with():
    _, counts, shares = attribute_shares(load_drawn_faces(), ["island"])
    assert sum(counts) == 4000
    smiling = next(one for one in shares if one.name == "smiling")
    assert 0.2 < smiling.gap < 0.4


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="no column 'gender'"):
        attribute_shares(ImageTable(FRAME, DrawnFaces(10)), ["gender"])
