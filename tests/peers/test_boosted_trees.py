import numpy as np
import torch
from tests.peers.example import biased_problem, biased_task

from fairfactor.part import Part
from fairfactor.peers.boosted_trees import MULTIPLIERS, _best_multiplier, _decide, fit_boosted_trees
from fairfactor.protocol import make_problem


def scores(rows: int = 2000):
    generator = np.random.default_rng(0)
    groups = generator.integers(2, size=rows)
    belonging = 2.0 * groups - 1 + generator.normal(size=rows)
    probability = 1 / (1 + np.exp(-generator.normal(size=rows) - groups + 0.5))
    labels = (generator.random(rows) < probability).astype(np.int64)
    part = Part(torch.zeros(rows, 1), torch.from_numpy(labels), torch.from_numpy(groups))
    return probability - 0.5, belonging, part


def test_it_does_not_read_scores_of_other_trees():
    boosted = make_problem(biased_task(), seed=0, hidden=(16, 8), backbone="boosted-trees")
    found, expected = (
        fit_boosted_trees(problem, {"bound": 0.02}) for problem in (boosted, biased_problem())
    )
    np.testing.assert_array_equal(found.test, expected.test)
    np.testing.assert_array_equal(found.validation, expected.validation)


def gap_and_accuracy(decisions: np.ndarray, part: Part) -> tuple[float, float]:
    groups, labels = part.groups.numpy(), part.labels.numpy()
    rates = [decisions[groups == s].mean() for s in (0, 1)]
    return float(np.ptp(rates)), float((decisions == labels).mean())


def test_it_is_the_most_accurate_multiplier_within_the_bound():
    excess, belonging, part = scores()
    best = _best_multiplier(excess, belonging, part, bound=0.1)
    outcomes = {m: gap_and_accuracy(_decide(excess, belonging, m), part) for m in MULTIPLIERS}
    assert outcomes[best][0] <= 0.1
    assert outcomes[best][1] == max(accuracy for gap, accuracy in outcomes.values() if gap <= 0.1)


def test_without_a_multiplier_within_the_bound_it_is_the_one_of_the_smallest_gap():
    excess, belonging, part = scores()
    best = _best_multiplier(excess, belonging, part, bound=0.0)
    gaps = [gap_and_accuracy(_decide(excess, belonging, m), part)[0] for m in MULTIPLIERS]
    assert gap_and_accuracy(_decide(excess, belonging, best), part)[0] == min(gaps)
