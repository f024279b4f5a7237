import json
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairfactor.stored_values import VALUE_FILE, load_value, save_value


@dataclass(frozen=True)
class Point:
    x: float
    names: tuple[str, ...]
    more: object = None


class Pair(NamedTuple):
    first: int
    second: object


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.tuples(st.text(), st.integers()), inner)
        | st.builds(Pair, st.integers(), inner)
        | st.builds(Point, st.floats(allow_nan=False), st.just(("a",)), inner)
    ),
    max_leaves=10,
)


@given(values)
def test_a_value_comes_back_as_it_was(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("value")
    save_value(value, folder)
    found = load_value(folder, [Point, Pair])
    assert (found, repr(found)) == (value, repr(value))


def test_arrays_and_tensors_keep_their_bits(tmp_path):
    value = {
        "float64": np.random.default_rng(0).normal(size=(3, 2)),
        "int64": np.arange(4),
        "view": torch.arange(12.0).reshape(3, 4).T,
        "nan": math.nan,
        "infinite": -math.inf,
        "numpy": np.float64(0.1),
    }
    save_value(value, tmp_path)
    found = load_value(tmp_path, [])
    for name in ("float64", "int64"):
        np.testing.assert_array_equal(found[name], value[name], strict=True)
    assert torch.equal(found["view"], value["view"])
    assert math.isnan(found["nan"])
    assert (found["infinite"], found["numpy"]) == (-math.inf, 0.1)


def test_only_the_named_records_are_made(tmp_path):
    save_value(Point(1.0, ()), tmp_path)
    with pytest.raises(KeyError):
        load_value(tmp_path, [])
    tree = json.loads((tmp_path / VALUE_FILE).read_text())
    assert tree["record"] == "Point"


def test_anything_else_is_not_stored(tmp_path):
    with pytest.raises(TypeError, match="function cannot be stored"):
        save_value([lambda: 0], tmp_path)
