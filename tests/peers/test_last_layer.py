import numpy as np
from tests.peers.example import biased_problem

from fairfactor.peers.gap_penalty import demographic_parity_penalty
from fairfactor.peers.last_layer import LAST_LAYER_DP, fit_last_layer


def test_it_trains_the_last_layer_only():
    result = LAST_LAYER_DP.fit(biased_problem(), LAST_LAYER_DP.settings[0])
    assert result.trained_parameters == 2 * 8 + 2


def test_an_overwhelming_penalty_gives_every_group_the_same_decisions():
    problem = biased_problem()
    strong = fit_last_layer(problem, {"strength": 1e4}, penalty=demographic_parity_penalty)
    groups = problem.validation.groups.numpy()
    rates = [strong.validation[groups == s].mean() for s in (0, 1)]
    assert np.ptp(rates) < 0.1
