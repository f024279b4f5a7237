from dataclasses import replace

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from tests.peers.example import biased_problem

from fairfactor.peers.fairlearn_threshold import THRESHOLD_DP, THRESHOLD_EO, _score_column


def test_the_score_is_its_own_prediction():
    column = _score_column()
    check_is_fitted(column)
    scores = np.array([[0.2], [1.0]])
    np.testing.assert_allclose(column.predict_proba(scores), [[0.8, 0.2], [0.0, 1.0]])


def test_both_need_the_group_to_predict():
    problem = biased_problem()
    groups = torch.where(torch.arange(300) < 4, -1, problem.test.groups)
    problem = replace(problem, test=replace(problem.test, groups=groups))
    for peer in (THRESHOLD_DP, THRESHOLD_EO):
        assert peer.groups_at_prediction
        assert peer.gap(problem) == "not supported: 4 rows have no group"
