from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fairfactor.estimator.rows import MOST_COPIES, own_order, repeated

POSITIONS = np.arange(100, 140)


def test_whole_numbers_are_copies() -> None:
    weights = np.resize([0.0, 1.0, 3.0], 40)
    drawn = repeated(POSITIONS, weights, seed=0)
    np.testing.assert_array_equal(drawn, np.repeat(POSITIONS, weights.astype(int)))


@pytest.mark.parametrize("scale", [0.37, MOST_COPIES + 1.0, 1e6])
def test_equal_weights_of_any_size_keep_every_row_once(scale: float) -> None:
    drawn = repeated(POSITIONS, np.full(40, scale), seed=3)
    np.testing.assert_array_equal(drawn, POSITIONS)


def test_rows_are_drawn_in_proportion_on_average_and_nearly_so_each_time() -> None:
    weights = np.random.default_rng(0).gamma(1.0, size=40)
    expected = 40 * weights / weights.sum()
    total = np.zeros(40)
    for seed in range(2000):
        drawn = repeated(POSITIONS, weights, seed)
        counts = np.bincount(drawn - 100, minlength=40)
        assert len(drawn) == 40
        assert (counts >= np.floor(expected)).all()
        assert (counts <= np.ceil(expected)).all()
        total += counts
    np.testing.assert_allclose(total / 2000, expected, atol=0.05)


def test_a_row_without_weight_is_never_drawn() -> None:
    weights = np.where(np.arange(40) % 4 == 0, 0.0, 0.3)
    for seed in range(50):
        assert not np.isin(repeated(POSITIONS, weights, seed), POSITIONS[::4]).any()


def test_the_order_is_that_of_the_values() -> None:
    source = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": source.normal(size=50),
            "text": source.choice(["a", "b", None], 50),
            "mixed": source.choice(np.array([1, "x", None, (2,)], dtype=object), 50),
        }
    )
    codes = source.integers(0, 3, 50)
    ordered = frame.iloc[own_order(frame, codes)]
    shuffled = source.permutation(50)
    again = frame.iloc[shuffled].iloc[own_order(frame.iloc[shuffled], codes[shuffled])]
    pd.testing.assert_frame_equal(ordered, again)
    assert (np.diff(codes[own_order(frame, codes)]) >= 0).all()
