import copy

import torch
from tests.peers.example import biased_problem
from torch.nn import functional

from fairfactor.fairness import confusion_counts
from fairfactor.peers.fairlrf import FAIRLRF, _favouring
from fairfactor.problem import predict_classes


def test_the_scores_are_differences_of_saliencies_of_single_gradients():
    problem = biased_problem()
    network, part = copy.deepcopy(problem.backbone), problem.train
    scores = _favouring(network, part, ["head"])["head"]
    predicted = predict_classes(network, part.inputs)
    counts = confusion_counts(part.labels.numpy(), predicted, part.groups.numpy(), n_classes=2)
    curvature = []
    for s in (0, 1):
        squares = []
        for x, y in zip(part.inputs[part.groups == s], part.labels[part.groups == s], strict=True):
            loss = functional.cross_entropy(network(x[None]), y[None])
            (gradient,) = torch.autograd.grad(loss, network.head.weight)
            squares.append(gradient.double() ** 2)
        curvature.append(torch.stack(squares).mean(0))
    favoured = int(counts.true_positive_rates[:, 1].argmax())
    weight = network.head.weight.detach().double()
    expected = (curvature[favoured] - curvature[1 - favoured]) * weight**2 / 2
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-9)


def test_nothing_is_trained():
    assert FAIRLRF.fit(biased_problem(), FAIRLRF.settings[0]).trained_parameters == 0
