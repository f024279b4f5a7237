from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, DataError, FairfactorWarning
from fairfactor.factorization import factorize, neutralized
from fairfactor.importance import group_fisher, input_moments
from fairfactor.neutralization import neutralize
from fairfactor.rank import EnergyThreshold, FixedRank, ParameterBudget, RankFraction
from fairfactor.surgery import LowRankConv2d, LowRankLinear, replace_layer, weight_matrix
from fairfactor.weighting import (
    ActivationWhitened,
    BiasAware,
    FullNeutralized,
    Kronecker,
    Neutralized,
    Plain,
)
from fairfactor.whole_model import (
    LayerResult,
    ValidatedFraction,
    factorize_layers,
    factorize_model,
)

SMALLER = "its factors would have no fewer parameters"


def network(seed: int = 0) -> nn.Sequential:
    """12 → 16 → 14 → 3; the linear layers are "0", "2" and "4"."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 14), nn.ReLU(), nn.Linear(14, 3)
    ).eval()


def batches(inputs: int = 12, classes: int = 3) -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(60, inputs, generator=generator)
    y = torch.randint(0, classes, (60,), generator=generator)
    return list(zip(x.split(25), y.split(25), (torch.arange(60) % 3 - 1).split(25), strict=True))


def ranks(result: dict[str, LayerResult]) -> dict[str, int | None]:
    return {
        name: layer.replacement.rank if layer.replacement else None
        for name, layer in result.items()
    }


def weights_of(model: nn.Module, names: list[str]) -> int:
    layers = (model.get_submodule(name) for name in names)
    return sum(p.numel() for layer in layers for p in layer.parameters() if p.ndim > 1)


def values(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_untouched(model: nn.Module, before: dict[str, Tensor]) -> None:
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_is_the_four_boxes_one_after_another() -> None:
    model, expected = network(), network()
    result = factorize_model(model, batches(), weighting=Neutralized(alpha=0.7), rank=4)
    fishers = group_fisher(expected, batches(), layers="all-linear")
    for name in ("0", "2"):
        importance = neutralize(fishers[name].row_importance, alpha=0.7)
        factors = neutralized(weight_matrix(expected.get_submodule(name)), 4, importance)
        replace_layer(expected, name, factors)
        found = result[name]
        assert torch.equal(found.singular_values, factors.singular_values)
        squares = factors.singular_values.square()
        assert found.kept_energy == pytest.approx(float(squares[:4].sum() / squares.sum()))
        assert torch.equal(found.fisher.row_importance, fishers[name].row_importance)
    inputs = torch.randn(5, 12)
    assert torch.equal(model(inputs), expected(inputs))
    assert result["4"].reason == SMALLER
    assert type(model[4]) is nn.Linear


def test_report_tells_what_was_saved() -> None:
    model = network()
    report = factorize_model(model, batches(), layers="2", weighting=Plain(), rank=5)[
        "2"
    ].replacement
    assert (report.rank, report.break_even_rank) == (5, 7)
    assert (report.parameters_before, report.parameters_after) == (16 * 14 + 14, 5 * 30 + 14)
    S = torch.linalg.svdvals(network()[2].weight.detach().double())
    assert report.relative_change == pytest.approx(float(S[5:].norm() / S.norm()))


def test_plain_reads_no_data() -> None:
    result = factorize_model(network(), (), weighting=Plain(), rank=RankFraction(0.25))
    assert ranks(result) == {"0": 3, "2": 4, "4": 1}
    assert result["0"].fisher is None


def test_one_pass_is_enough_for_gradients() -> None:
    result = factorize_model(network(), iter(batches()), weighting=Kronecker(), rank=3)
    assert ranks(result) == {"0": 3, "2": 3, "4": None}
    result = factorize_model(network(), iter(batches()), weighting=ActivationWhitened(), rank=3)
    assert ranks(result) == {"0": 3, "2": 3, "4": None}


@pytest.mark.parametrize(
    "arguments", [{"weighting": BiasAware()}, {"weighting": Neutralized(), "correct_bias": True}]
)
def test_batches_that_can_be_read_once_are_refused_where_two_passes_are_needed(arguments) -> None:
    with pytest.raises(ArgumentError, match=r"batches='list_iterator'.*Pass a list"):
        factorize_model(network(), iter(batches()), rank=3, **arguments)
    assert factorize_model(network(), batches(), rank=3, **arguments)["0"].replacement


@pytest.mark.parametrize("weighting", [Neutralized(), Plain(), ActivationWhitened()])
@pytest.mark.parametrize("budget", [200, 300, 400])
def test_budget_counts_the_chosen_layers_whole_or_not(weighting, budget: int) -> None:
    model = network()
    result = factorize_model(model, batches(), weighting=weighting, rank=ParameterBudget(budget))
    assert weights_of(model, ["0", "2", "4"]) <= budget
    assert budget - weights_of(model, ["0", "2", "4"]) < 30  # no other component fits
    assert any(layer.replacement for layer in result.values())


def test_a_budget_for_all_weights_replaces_nothing() -> None:
    result = factorize_model(
        network(), batches(), weighting=Plain(), rank=ParameterBudget(12 * 16 + 16 * 14 + 14 * 3)
    )
    assert ranks(result) == {"0": None, "2": None, "4": None}


def test_energy_is_that_of_the_weighted_spectrum() -> None:
    model = network()
    result = factorize_model(
        model, batches(), weighting=FullNeutralized(), rank=EnergyThreshold(0.7)
    )
    for name in ("0", "2"):
        kept, rank = result[name].kept_energy, result[name].replacement.rank
        squares = result[name].singular_values.square()
        assert kept >= 0.7 > float(squares[: rank - 1].sum() / squares.sum())


def test_truncating_the_exact_factors_equals_factorising_at_the_rank() -> None:
    model, other = network(), network()
    result = factorize_model(
        model, batches(), weighting=Kronecker(), rank=EnergyThreshold(0.7), correct_bias=True
    )
    for name, rank in ranks(result).items():
        if rank is not None:
            factorize_model(
                other, batches(), layers=name, weighting=Kronecker(), rank=rank, correct_bias=True
            )
            for one, two in zip(
                model.get_submodule(name).parameters(),
                other.get_submodule(name).parameters(),
                strict=True,
            ):
                torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
            other = network()


def test_corrected_bias_keeps_the_mean_output_of_a_layer() -> None:
    model = network()
    mean = input_moments(model, batches(), layers="2")["2"].mean.float()
    before = model[2](mean)
    corrected = copy.deepcopy(model)
    arguments = {"layers": "2", "weighting": BiasAware(), "rank": 2}
    factorize_model(model, batches(), **arguments)
    factorize_model(corrected, batches(), correct_bias=True, **arguments)
    torch.testing.assert_close(corrected[2](mean), before)
    assert not torch.allclose(model[2](mean), before, atol=0.01)


def test_infinite_strength_makes_the_group_means_equal() -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5)).eval()
    groups = torch.arange(90) % 2
    x = torch.randn(90, 6) + groups[:, None]
    data = [(x, torch.randint(0, 5, (90,)), groups)]
    weighting = BiasAware(Neutralized(), "demographic_parity", strength=math.inf)
    factorize_model(model, data, layers="0", weighting=weighting, rank=3)
    outputs = model[0](x)
    torch.testing.assert_close(
        outputs[groups == 0].mean(0), outputs[groups == 1].mean(0), atol=1e-5, rtol=0
    )


@pytest.mark.filterwarnings("ignore:.*is the full rank of:fairfactor.errors.FairfactorWarning")
def test_larger_factors_are_made_when_asked_for() -> None:
    model = network()
    with pytest.warns(FairfactorWarning, match="'4' at rank 3"):
        result = factorize_model(
            model, batches(), layers="head", weighting=Plain(), rank=3, only_if_smaller=False
        )
    assert ranks(result) == {"4": 3}
    assert result["4"].replacement.is_full_rank
    with pytest.raises(ArgumentError, match=r"rank of layer '4'=4.*1 to 3"):
        factorize_model(
            network(), batches(), layers="head", weighting=Plain(), rank=4, only_if_smaller=False
        )


class Language(nn.Module):
    """Classes from tokens, with an output layer that is tied to the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 8)
        self.hidden = nn.Linear(8, 8)
        self.again = self.hidden
        self.output = nn.Linear(8, 9, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = torch.tanh(self.hidden(self.embedding(tokens).mean(1)))
        return self.output(torch.tanh(self.again(x)))


def tokens() -> list[Any]:
    generator = torch.Generator().manual_seed(3)
    drawn = torch.randint(0, 9, (20, 4), generator=generator)
    return [(drawn, drawn[:, 0], torch.arange(20) % 2)]


def test_channel_groups_stay_whole_with_a_reason() -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(4, 8, 3, groups=2), nn.Conv2d(8, 8, 1), nn.AdaptiveAvgPool2d(1)]
    model = nn.Sequential(*layers, nn.Flatten()).eval()
    batch = (torch.randn(6, 4, 5, 5), torch.arange(6), torch.arange(6) % 2)
    result = factorize_model(model, [batch], weighting=Neutralized(), rank=2, layers=["0", "1"])
    assert "groups=1" in result["0"].reason
    assert result["1"].replacement is not None


def test_tied_layers_stay_whole_with_a_reason() -> None:
    torch.manual_seed(0)
    model = Language().eval()
    names = ["hidden", "again", "output"]
    result = factorize_model(model, tokens(), layers=names, weighting=Neutralized(), rank=2)
    assert ranks(result) == {"hidden": 2, "again": None, "output": None}
    assert "shares one with 'embedding.weight'" in result["output"].reason
    assert result["again"].reason == "it is the layer 'hidden' under another name"
    assert model.again is model.hidden
    assert model.output.weight is model.embedding.weight


def test_layers_that_cannot_be_replaced_are_refused_if_there_are_no_others() -> None:
    with pytest.raises(
        ArgumentError, match=r"layers='output'.*shares one with 'embedding\.weight'"
    ):
        factorize_model(Language().eval(), tokens(), layers="output", weighting=Plain(), rank=2)
    with pytest.raises(ArgumentError, match="the model itself cannot be exchanged"):
        factorize_model(nn.Linear(8, 8), (), weighting=Plain(), rank=2)


def test_a_second_call_leaves_low_rank_layers_alone() -> None:
    model = network()
    factorize_model(model, batches(), layers=["0", "2"], weighting=Neutralized(), rank=5)
    before = values(model)
    result = factorize_model(model, batches(), weighting=Neutralized(), rank=2)
    assert result["0.down"].reason == "it is a factor of the low-rank layer '0'"
    assert ranks(result) == {"0.down": None, "0.up": None, "2.down": None, "2.up": None, "4": 2}
    assert all(torch.equal(model.state_dict()[n], v) for n, v in before.items() if n[0] != "4")


def test_a_layer_without_gradients_stays_whole() -> None:
    class WithUnusedBranch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused, self.used = nn.Linear(12, 9), nn.Linear(12, 9)

        def forward(self, x: Tensor) -> Tensor:
            self.unused(x)
            return self.used(x)

    result = factorize_model(
        WithUnusedBranch().eval(), batches(classes=9), weighting=Neutralized(), rank=2
    )
    assert ranks(result) == {"unused": None, "used": 2}
    assert result["unused"].reason == "all gradients of its weight are zero"


def test_convolutions_and_linear_layers() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 16, 1),
        nn.Flatten(),
        nn.Linear(16 * 16, 5),
    ).eval()
    x, y = torch.randn(10, 3, 4, 4), torch.arange(10) % 5
    data = [(x, y, torch.arange(10) % 2)]
    before = model(x).detach()
    result = factorize_model(
        model, data, layers="*", weighting=FullNeutralized(), rank=EnergyThreshold(0.9)
    )
    assert [type(model.get_submodule(name)) for name in result] == [
        LowRankConv2d,
        LowRankConv2d,
        LowRankLinear,
    ]
    assert float((model(x).detach() - before).norm() / before.norm()) < 0.6


def test_flags_and_mode_stay_as_they_were() -> None:
    model = network()
    model[0].requires_grad_(False)
    model(torch.randn(3, 12)).sum().backward()
    gradient = model[4].weight.grad.clone()
    factorize_model(model, batches(), layers=["0", "2"], weighting=Neutralized(), rank=3)
    assert [parameter.requires_grad for parameter in model[0].parameters()] == [False] * 3
    assert all(parameter.requires_grad for parameter in model[2].parameters())
    assert torch.equal(model[4].weight.grad, gradient)
    assert not any(module.training for module in model.modules())


def test_half_precision() -> None:
    model = network().bfloat16()
    data = [(x.bfloat16(), y, s) for x, y, s in batches()]
    result = factorize_model(
        model, data, weighting=FullNeutralized(), rank=RankFraction(0.4), correct_bias=True
    )
    assert ranks(result) == {"0": 5, "2": 6, "4": 1}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_autocast() -> None:
    model = network()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = factorize_model(model, batches(), weighting=FullNeutralized(), rank=4)
    exact = factorize_model(network(), batches(), weighting=FullNeutralized(), rank=4)
    for name in ("0", "2"):
        assert result[name].kept_energy == pytest.approx(exact[name].kept_energy, rel=0.05)


class TestValidatedFraction:
    def agreement(self) -> Callable[[nn.Module], float]:
        x = torch.cat([x for x, _, _ in batches()])
        expected = network()(x).detach()
        return lambda model: 1 - float((model(x).detach() - expected).norm() / expected.norm())

    @pytest.mark.parametrize(("tolerance", "smallest"), [(9.0, True), (0.75, False)])
    def test_smallest_fraction_within_the_tolerance(self, tolerance: float, smallest: bool) -> None:
        model, score = network(), self.agreement()
        fractions = (0.5, 0.1, 0.3, 0.4, 0.2)
        search = ValidatedFraction(score, tolerance, fractions)
        result = factorize_model(model, batches(), weighting=Neutralized(), rank=search)
        passing = []
        for fraction in sorted(fractions):
            other = network()
            factorize_model(other, batches(), weighting=Neutralized(), rank=RankFraction(fraction))
            if score(other) >= 1 - tolerance:
                passing.append(other)
        assert score(model) >= 1 - tolerance
        assert (len(passing) == len(fractions)) == smallest
        inputs = torch.randn(5, 12)
        torch.testing.assert_close(model(inputs), passing[0](inputs), rtol=1e-4, atol=1e-5)
        assert result["0"].kept_energy > 0

    def test_no_fraction_is_good_enough(self) -> None:
        model = network()
        before = values(model)
        search = ValidatedFraction(lambda m: float(type(m[0]) is nn.Linear), 0.5, (0.1, 0.2))
        result = factorize_model(model, batches(), weighting=Neutralized(), rank=search)
        assert ranks(result) == {"0": None, "2": None, "4": None}
        assert "no fraction of (0.1, 0.2)" in result["0"].reason
        assert_untouched(model, before)

    def test_error_in_the_score_leaves_the_model_as_it_was(self) -> None:
        def fail(scored: nn.Module) -> float:
            if type(scored[0]) is LowRankLinear:
                raise KeyError("validation")
            return 1.0

        model = network()
        before = values(model)
        with pytest.raises(KeyError):
            factorize_model(model, batches(), weighting=Plain(), rank=ValidatedFraction(fail, 0.1))
        assert_untouched(model, before)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [((-0.1,), "tolerance=-0.1"), ((math.nan,), "tolerance=nan"), ((0.1, ()), "fractions=")],
    )
    def test_refusals(self, arguments: Any, message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            ValidatedFraction(lambda _: 1.0, *arguments)

    def test_score_that_is_no_number(self) -> None:
        search = ValidatedFraction(lambda _: math.nan, 0.1)
        with pytest.raises(ArgumentError, match="score=nan"):
            factorize_model(network(), batches(), weighting=Plain(), rank=search)


def test_error_while_replacing_leaves_the_model_as_it_was() -> None:
    model = network()
    before = values(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FairfactorWarning)
        with pytest.raises(FairfactorWarning, match="'2' at rank 8"):  # after '0' at rank 6
            factorize_model(
                model,
                batches(),
                layers=["0", "2"],
                weighting=Plain(),
                rank=RankFraction(0.54),
                only_if_smaller=False,
            )
    assert_untouched(model, before)


def test_a_metric_that_cannot_be_used_names_the_layer() -> None:
    data = [(torch.zeros(4, 12), torch.tensor([0, 1, 2, 0]), torch.tensor([0, 0, 1, 1]))]
    with pytest.raises(
        DataError, match=r"Layer '0' cannot be factorised: input_metric='all zeros'"
    ):
        factorize_model(network(), data, weighting=ActivationWhitened(), rank=2)


def test_options_of_the_measurement_are_passed_on() -> None:
    data = [({"x": x}, y, s) for x, y, s in batches()]
    result = factorize_model(
        network(),
        data,
        weighting=BiasAware(),
        rank=3,
        loss="mean_squared_error",
        labels="predicted",
        group_names=["A", "B"],
        forward=lambda model, inputs: model(inputs["x"]),
    )
    assert result["0"].fisher.groups == ("A", "B")
    with pytest.raises(ArgumentError, match="labels='guessed'"):
        factorize_model(network(), batches(), weighting=Neutralized(), rank=3, labels="guessed")


def test_split_is_passed_on() -> None:
    model = network()
    factorize_model(model, batches(), layers="0", weighting=Plain(), rank=3, split="balanced")
    expected = factorize(network()[0].weight, 3, split="balanced")
    assert torch.equal(model[0].down.weight, expected.down)


@pytest.mark.parametrize("rank", [0.5, "auto", RankFraction])
def test_what_is_no_rank_is_refused(rank: Any) -> None:
    with pytest.raises(ArgumentError, match=r"rank=.*call RankFraction\(0\.25\)"):
        factorize_model(network(), batches(), weighting=Plain(), rank=rank)


@pytest.mark.parametrize("weighting", ["neutralized", Neutralized])
def test_what_is_no_weighting_is_refused(weighting: Any) -> None:
    with pytest.raises(ArgumentError, match=r"weighting=.*such as Neutralized\(\)"):
        factorize_model(network(), batches(), weighting=weighting, rank=2)


class TestFactorizeLayers:
    def test_model_stays_as_it_is(self) -> None:
        model = network()
        before = values(model)
        factors = factorize_layers(
            model, batches(), weighting=Neutralized(), rank=RankFraction(0.5)
        )
        assert_untouched(model, before)
        assert {name: pair.rank for name, pair in factors.items()} == {"0": 6, "2": 7, "4": 2}

    def test_factors_are_those_that_would_replace_the_layers(self) -> None:
        model = network()
        factors = factorize_layers(model, batches(), weighting=Kronecker(), rank=FixedRank(3))
        factorize_model(model, batches(), weighting=Kronecker(), rank=3)
        for name in ("0", "2"):
            assert torch.equal(model.get_submodule(name).down.weight, factors[name].down)
            assert torch.equal(model.get_submodule(name).up.weight, factors[name].up)

    def test_layers_that_are_left_out_are_named(self) -> None:
        with pytest.warns(FairfactorWarning, match=r"'output' is left out.*'embedding\.weight'"):
            factors = factorize_layers(Language().eval(), tokens(), weighting=Neutralized(), rank=2)
        assert list(factors) == ["hidden"]
