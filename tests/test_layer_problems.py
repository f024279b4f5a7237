from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from fairfactor.factorization import truncation
from fairfactor.layer_problem import LayerProblem
from fairfactor.layer_problems import LayerProblems, measure_problems
from fairfactor.rank import EnergyThreshold, FixedRank, ParameterBudget, RankFraction, RankPolicy
from fairfactor.weighting import BiasAware, Metrics, Needs, Neutralized, Plain


def problem(name: str, rows: int, columns: int, scale: float = 1.0) -> LayerProblem:
    generator = torch.Generator().manual_seed(rows)
    weight = scale * torch.randn(rows, columns, generator=generator)
    return LayerProblem(name, weight, Metrics(), fisher=None, mean_input=None, split="input")


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Names and ranks of the problems solved."""
    found = []
    factorize = LayerProblem.factorize

    def counted(self: LayerProblem, weight: Tensor, rank: int) -> object:
        found.append((self.name, rank))
        return factorize(self, weight, rank)

    monkeypatch.setattr(LayerProblem, "factorize", counted)
    return found


def test_exact_solutions_are_computed_once(solved: list[tuple[str, int]]) -> None:
    problems = LayerProblems([problem("a", 6, 9), problem("b", 4, 8)], in_units_of_loss=True)
    problems.solve(FixedRank(2))
    assert solved == [("a", 2), ("b", 2)]
    for policy in (EnergyThreshold(0.8), ParameterBudget(80), FixedRank(3)):
        problems.solve(policy)
    assert solved[2:] == [("a", 6), ("b", 4)]


def large_problems() -> LayerProblems:
    """Layers that count as large from 64 on, one that does not, with falling spectra."""
    problems = []
    for name, rows, columns, power in (
        ("a", 64, 96, 1.0),
        ("b", 160, 72, 0.7),
        ("c", 80, 80, 0.3),
        ("small", 20, 60, 0.5),
    ):
        made = problem(name, rows, columns)
        decay = torch.arange(1, columns + 1) ** -power
        problems.append(dataclasses.replace(made, weight=made.weight * decay))
    return LayerProblems(problems, in_units_of_loss=False)


POLICIES = [
    *(EnergyThreshold(energy) for energy in (0.2, 0.5, 0.8, 0.99, 1.0)),
    *(ParameterBudget(parameters) for parameters in (700, 2000, 4000, 8000, 12000)),
]


@pytest.mark.parametrize("only_if_smaller", [False, True])
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_ranks_of_large_layers_are_those_of_exact_spectra(
    policy: RankPolicy,
    only_if_smaller: bool,
    solved: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exact = large_problems().solve(policy, only_if_smaller=only_if_smaller)
    assert solved == [("a", 64), ("b", 72), ("c", 80), ("small", 20)]
    solved.clear()
    monkeypatch.setattr(truncation, "RANDOMIZED_FROM", 64)
    found = large_problems().solve(policy, only_if_smaller=only_if_smaller)
    assert {name: pair.rank for name, pair in found.items()} == {
        name: pair.rank for name, pair in exact.items()
    }
    assert solved[:4] == [("a", 2), ("b", 2), ("c", 2), ("small", 20)]
    assert len(solved) == len(set(solved))
    for name, pair in found.items():
        best = exact[name].kept_energy
        assert best - pair.excess_energy - 1e-12 <= pair.kept_energy <= best + 1e-12


def test_large_layers_are_solved_exactly_only_where_more_components_are_asked_for(
    solved: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truncation, "RANDOMIZED_FROM", 64)
    problems = large_problems()
    found = problems.solve(ParameterBudget(700))
    assert {found[name].method for name in "abc"} == {"randomized"}
    assert found["small"].method == "exact"
    assert len(solved) == 4
    problems.solve(EnergyThreshold(0.8))
    assert solved[4:] == [("a", 8), ("b", 9), ("c", 10), ("c", 80)]
    problems.solve(RankFraction(1.0))
    assert solved[8:] == [("a", 64), ("b", 72)]


def test_fractions_that_are_tried_one_after_another_share_their_components(
    solved: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truncation, "RANDOMIZED_FROM", 64)
    problems = large_problems()
    for fraction in (0.05, 0.1, 0.25, 0.5):
        problems.solve(RankFraction(fraction), reuse=True)
    assert solved == [
        *(("a", 8), ("b", 9), ("c", 10), ("small", 20)),
        *(("a", 64), ("b", 72), ("c", 80)),
    ]


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
