import numpy as np
import pandas as pd
import pytest

from fairfactor.data.target import binned
from fairfactor.errors import ArgumentError, DataError


def test_nothing_is_cut_unless_asked_for():
    column = pd.Series([1.0, 2.0])
    assert binned(column) is column


def test_a_threshold_belongs_to_the_lower_class():
    found = binned(pd.Series([1, 2, 3]), threshold=2)
    assert found.tolist() == ["up to 2", "up to 2", "above 2"]
    assert found.cat.ordered


def test_bins_have_about_the_same_size_and_keep_their_order():
    numbers = pd.Series(np.random.default_rng(0).normal(size=999))
    found = binned(numbers, bins=3)
    assert set(found.value_counts()) <= {332, 333, 334}
    means = numbers.groupby(found, observed=True).mean()
    assert means.is_monotonic_increasing


@pytest.mark.parametrize("options", [{"bins": 4}, {"threshold": 9}, {"threshold": 0.5}])
def test_fewer_classes_than_asked_for_are_an_error(options):
    with pytest.raises(DataError, match=r"bins=4|threshold=9|threshold=0\.5"):
        binned(pd.Series([1, 1, 1, 2]), **options)


def test_what_is_no_number_or_asked_for_twice_is_refused():
    with pytest.raises(DataError, match="holds categories"):
        binned(pd.Series(["a", "b"]), bins=2)
    with pytest.raises(ArgumentError, match="bins=2"):
        binned(pd.Series([1, 2]), bins=2, threshold=1.0)
