from __future__ import annotations

import pytest
import torch
from torch import nn

from fairfactor.layer_problems import LayerProblem, LayerProblems, measure_problems
from fairfactor.rank import EnergyThreshold, FixedRank, ParameterBudget
from fairfactor.weighting import BiasAware, Metrics, Needs, Neutralized, Plain


def problem(name: str, rows: int, columns: int, scale: float = 1.0) -> LayerProblem:
    generator = torch.Generator().manual_seed(rows)
    weight = scale * torch.randn(rows, columns, generator=generator)
    return LayerProblem(name, weight, Metrics(), fisher=None, mean_input=None, split="input")


def test_exact_solutions_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    solved = []
    factorize = LayerProblem.factorize

    def counted(self: LayerProblem, rank: int) -> object:
        solved.append((self.name, rank))
        return factorize(self, rank)

    monkeypatch.setattr(LayerProblem, "factorize", counted)
    problems = LayerProblems([problem("a", 6, 9), problem("b", 4, 8)], in_units_of_loss=True)
    problems.solve(FixedRank(2))
    assert solved == [("a", 2), ("b", 2)]
    for policy in (EnergyThreshold(0.8), ParameterBudget(80), FixedRank(3)):
        problems.solve(policy)
    assert solved[2:] == [("a", 6), ("b", 4)]


@pytest.mark.parametrize(("in_units_of_loss", "expected"), [(True, 1), (False, 2)])
def test_a_budget_compares_spectra_across_layers_only_in_common_units(
    in_units_of_loss: bool, expected: int
) -> None:
    small, large = problem("small", 6, 9, scale=1e-3), problem("large", 6, 9)
    problems = LayerProblems([small, large], in_units_of_loss=in_units_of_loss)
    found = problems.solve(ParameterBudget(4 * 15))
    assert found["small"].rank == expected
    assert found["small"].rank + found["large"].rank == 4


def test_only_what_is_needed_is_measured() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).eval()
    data = [(torch.randn(8, 6), torch.arange(8) % 2, torch.arange(8) % 2)]
    arguments = {"layers": "0", "split": "input"}

    class Recorded(Plain):
        def metrics(self, measured: object) -> Metrics:
            seen.append(measured)
            return Metrics()

    seen: list = []
    measure_problems(model, data, weighting=Recorded(), correct_bias=False, **arguments)
    assert (seen[0].fisher, seen[0].moments) == (None, None)
    problems, reasons = measure_problems(
        model, data, weighting=Recorded(), correct_bias=True, **arguments
    )
    assert seen[1].fisher is None
    assert seen[1].moments.counts.shape == (2, 1)
    assert reasons == {}
    assert problems.fisher("0") is None
    assert BiasAware(Neutralized()).needs == Needs(("row_importance",), "group_and_class")
