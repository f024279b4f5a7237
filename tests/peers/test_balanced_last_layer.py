import numpy as np
from tests.peers.example import biased_problem

from fairfactor.peers.balanced_last_layer import BALANCED_LAST_LAYER, _balanced_rows


def test_every_cell_has_as_many_rows_as_the_smallest():
    cells = np.repeat([0, 1, 2, 3], [50, 7, 20, 9])
    rows = _balanced_rows(cells, np.random.default_rng(0))
    assert np.bincount(cells[rows]).tolist() == [7, 7, 7, 7]
    assert len(np.unique(rows)) == 28


def test_it_trains_the_last_layer_only():
    result = BALANCED_LAST_LAYER.fit(biased_problem(), BALANCED_LAST_LAYER.settings[0])
    assert result.trained_parameters == 8 + 1
