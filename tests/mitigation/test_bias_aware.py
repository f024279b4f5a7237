import dataclasses

import pytest
import torch
from tests.mitigation.small_problem import small_problem
from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.mitigation.bias_aware import STRENGTHS, fit_bias_aware


@pytest.fixture(scope="module")
def problem():
    return small_problem()


def test_what_is_read_stays_locked_and_forgets_the_direction(problem):
    before = problem.backbone.hidden3.weight.detach().clone()
    fitted = list(fit_bias_aware(problem, 0))
    assert len(fitted) == 2 * len(STRENGTHS)
    erased = fitted[-1]
    assert erased.setting == {"directions": "demographic_parity", "strength": "inf"}
    layer = erased.model.network.hidden3
    assert not layer.down.weight.requires_grad
    trunk = erased.model.network[:4]
    hidden = trunk(problem.train.inputs)
    means = [hidden[problem.train.groups == s].mean(dim=0) for s in (0, 1)]
    gap = layer.down(means[0] - means[1])
    torch.testing.assert_close(gap, torch.zeros_like(gap), atol=1e-4, rtol=0)
    torch.testing.assert_close(problem.backbone.hidden3.weight.detach(), before)


def test_refuses_networks_without_a_hidden_layer(problem):
    flat = dataclasses.replace(problem, backbone=nn.Sequential(nn.Linear(6, 2)))
    with pytest.raises(ArgumentError, match="backbone"):
        next(fit_bias_aware(flat, 0))
