from dataclasses import replace

import numpy as np
import torch
from tests.peers.example import biased_problem
from torch import nn

from fairfactor.part import Part
from fairfactor.problem import count_classes, predict_classes


def test_the_most_probable_class_is_predicted():
    logits = torch.tensor([[0.1, 2.0, 1.0], [3.0, 2.0, 1.0]])
    assert predict_classes(nn.Identity(), logits).tolist() == [1, 0]


def test_rows_of_no_group_are_counted_nowhere():
    labels, groups = torch.tensor([0, 1, 1, 1]), torch.tensor([0, 1, 1, -1])
    part = Part(torch.zeros(4, 4), labels, groups)
    counts = count_classes(biased_problem(), part, np.array([0, 0, 1, 1]))
    assert counts.group_names == ("a", "b")
    assert counts.cells.tolist() == [[[1, 0], [0, 0]], [[0, 0], [1, 1]]]


def test_a_network_of_another_kind_is_not_plain():
    problem = biased_problem()
    assert problem.is_plain
    other = replace(problem, backbone=nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)))
    assert not other.is_plain
    assert other.widths[0] == 4
    assert other.widths[-1] == 2
