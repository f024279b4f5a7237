import numpy as np
import pytest
import torch
from tests.mitigation.example_points import CONSTANT, MODEL, of_counts, point, rates


def test_a_point_decides_with_its_rule():
    inputs = torch.randn(5, 1)
    decided = point(0.9, 0.2).decide(inputs).argmax(dim=1)
    assert torch.equal(decided, MODEL.network(inputs).argmax(dim=1))


def test_metrics_of_each_part():
    one = point(0.9, 0.2, train_gap=0.1)
    assert one.metric("demographic_parity") == pytest.approx(0.2)
    assert one.metric("demographic_parity", "train") == pytest.approx(0.1)


def test_the_same_decision_for_everyone_is_told_from_all_others():
    positive = of_counts(rates([(1, 1), (1, 1)], (0.4, 0.2)))
    assert CONSTANT.is_constant
    assert positive.is_constant
    assert not of_counts(CONSTANT.validation, train=positive.train).is_constant
    almost = CONSTANT.validation.cells.copy()
    almost[1, 0] += [-1, 1]
    counts = type(CONSTANT.validation)(np.array(almost), ("a", "b"))
    assert not of_counts(counts).is_constant
