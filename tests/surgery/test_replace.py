from __future__ import annotations

import copy

import pytest
import torch
from tests.surgery.examples import Conv1D, PlainFactors, Tied, images, perceptron, truncated
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, FairfactorWarning
from fairfactor.surgery import (
    LowRankConv2d,
    LowRankLinear,
    merge_layer,
    replace_layer,
    restore_layer,
    weight_matrix,
)


def replace(model: nn.Module, name: str, rank: int) -> nn.Module:
    return replace_layer(model, name, truncated(weight_matrix(model.get_submodule(name)), rank))


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"fc": nn.Linear(12, 12), "drop": nn.Dropout(0.0)}) for _ in range(2)
        )
        self.head = nn.Linear(12, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        for block in self.blocks:
            inputs = inputs + block["drop"](block["fc"](inputs))
        return self.head(inputs)


class Shared(nn.Module):
    """One layer under three names, two of them in the same parent."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = self.first
        self.inner = nn.Sequential(self.first, nn.ReLU())

    def forward(self, inputs: Tensor) -> Tensor:
        return self.inner(self.second(self.first(inputs)))


@pytest.mark.parametrize("name", ["0", "2"])
def test_sequential(name: str) -> None:
    model = perceptron()
    inputs = torch.randn(5, 12)
    oracle = copy.deepcopy(model)
    factors = truncated(weight_matrix(model.get_submodule(name)), 3)
    layer = replace_layer(model, name, factors)
    with torch.no_grad():
        oracle.get_submodule(name).weight.copy_(factors.up @ factors.down)
    assert model.get_submodule(name) is layer
    assert isinstance(layer, LowRankLinear)
    torch.testing.assert_close(model(inputs), oracle(inputs))


def test_nested_names() -> None:
    model = Nested()
    untouched = model.blocks[0]["fc"]
    layer = replace(model, "blocks.1.fc", 4)
    assert model.blocks[1]["fc"] is layer
    assert model.blocks[0]["fc"] is untouched
    assert model(torch.randn(3, 12)).shape == (3, 2)


def test_a_shared_layer_is_replaced_everywhere_and_restored_everywhere() -> None:
    model = Shared()
    original = model.first
    inputs = torch.randn(3, 8)
    before = model(inputs)
    layer = replace(model, "inner.0", 2)
    assert model.first is model.second is model.inner[0] is layer
    restore_layer(model, "second", original)
    assert model.first is model.second is model.inner[0] is original
    assert torch.equal(model(inputs), before)


def test_convolution() -> None:
    model = images().eval()
    inputs = torch.randn(2, 3, 5, 5)
    layer = replace(model, "0", 4)
    assert isinstance(layer, LowRankConv2d)
    after = model(inputs)
    merged = merge_layer(model, "0")
    assert type(merged) is nn.Conv2d
    torch.testing.assert_close(model(inputs), after)


def test_conv1d_of_transformers() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(Conv1D(20, 20))
    inputs = torch.randn(5, 20)
    factors = truncated(model[0].weight.T, 6)
    expected = inputs @ (factors.up @ factors.down).float().T + model[0].bias
    assert isinstance(replace_layer(model, "0", factors), LowRankLinear)
    torch.testing.assert_close(model(inputs), expected)
    assert type(merge_layer(model, "0")) is nn.Linear
    torch.testing.assert_close(model(inputs), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_keeps_dtype_mode_and_requires_grad(dtype: torch.dtype) -> None:
    model = perceptron().to(dtype).eval()
    model[0].weight.requires_grad_(False)
    layer = replace(model, "0", 3)
    assert {parameter.dtype for parameter in layer.parameters()} == {dtype}
    assert not any(module.training for module in layer.modules())
    assert not layer.down.weight.requires_grad
    assert not layer.up.weight.requires_grad
    assert layer.up.bias.requires_grad


def test_bias_correction() -> None:
    model = nn.Sequential(nn.Linear(12, 10, bias=False), nn.Linear(10, 10))
    inputs = torch.zeros(1, 12)
    correction = torch.arange(10.0)
    replace_layer(model, "0", truncated(model[0].weight, 2, correction))
    assert torch.equal(model[0](inputs), correction[None])
    bias = model[1].bias.clone()
    replace_layer(model, "1", truncated(model[1].weight, 2, correction))
    torch.testing.assert_close(model[1].bias, bias + correction)


def test_leaves_the_random_state_alone() -> None:
    model = perceptron()
    factors = truncated(model[0].weight, 3)
    before = torch.get_rng_state()
    replace_layer(model, "0", factors)
    assert torch.equal(before, torch.get_rng_state())


def test_no_gradient_reaches_the_old_weight() -> None:
    model = perceptron()
    old = model[0].weight
    layer = replace(model, "0", 3)
    model(torch.randn(4, 12)).sum().backward()
    assert old.grad is None
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_attention_reads_the_weight_without_calling_the_layer() -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    inputs = torch.randn(2, 5, 8)
    before = attention(inputs, inputs, inputs)[0]
    with pytest.warns(FairfactorWarning):
        layer = replace(attention, "out_proj", 8)
    after = attention(inputs, inputs, inputs)[0]
    torch.testing.assert_close(after, before)
    after.sum().backward()
    assert layer.down.weight.grad is not None
    assert layer.up.weight.grad is not None


def test_fast_path_of_the_transformer_encoder() -> None:
    torch.manual_seed(0)
    encoder = nn.TransformerEncoderLayer(8, 2, 32, batch_first=True).eval()
    replace(encoder, "linear1", 3)
    inputs = torch.randn(2, 5, 8)
    slow = encoder(inputs)
    with torch.no_grad():
        torch.testing.assert_close(encoder(inputs), slow)


class TestWarnings:
    def test_full_rank(self) -> None:
        model = nn.Sequential(nn.Linear(20, 2))
        with pytest.warns(FairfactorWarning) as caught:
            replace(model, "0", 2)
        texts = [str(warning.message) for warning in caught]
        assert len(texts) == 2
        assert "no prediction changes before training" in texts[0]
        assert "44 weights in the place of 40: fewer only at ranks up to 1" in texts[1]

    def test_growth_alone(self) -> None:
        model = nn.Sequential(nn.Linear(12, 10))
        with pytest.warns(FairfactorWarning, match="132 weights in the place of 120") as caught:
            replace(model, "0", 6)
        assert len(caught) == 1

    def test_none_where_it_pays(self) -> None:
        replace(perceptron(), "0", 5)  # a warning would be an error

    def test_a_warning_turned_into_an_error_leaves_the_model(self) -> None:
        model = nn.Sequential(nn.Linear(20, 2))
        with pytest.raises(FairfactorWarning):
            replace(model, "0", 2)
        assert type(model[0]) is nn.Linear


class TestRefusals:
    def test_the_model_itself(self) -> None:
        model = nn.Linear(3, 4)
        with pytest.raises(ArgumentError, match=r"name=''.*nn\.Sequential\(model\)"):
            replace_layer(model, "", truncated(model.weight, 2))

    @pytest.mark.parametrize("name", ["blocks.2.fc", "blocks.0.fd", "head.weight"])
    def test_unknown_names_get_close_ones(self, name: str) -> None:
        with pytest.raises(ArgumentError, match=r"such as 'blocks|such as 'head'"):
            replace_layer(Nested(), name, PlainFactors(torch.ones(1, 2), torch.ones(2, 1)))

    def test_a_layer_of_another_kind(self) -> None:
        with pytest.raises(ArgumentError, match=r"^1=ReLU"):
            replace_layer(perceptron(), "1", PlainFactors(torch.ones(1, 2), torch.ones(2, 1)))

    def test_factors_of_another_shape(self) -> None:
        model = perceptron()
        with pytest.raises(ArgumentError, match=r"factors=\(8, 10\).*\(10, 12\) weight of '0'"):
            replace_layer(model, "0", truncated(model[2].weight, 2))
        assert type(model[0]) is nn.Linear

    def test_a_low_rank_layer(self) -> None:
        model = perceptron()
        replace(model, "0", 2)
        with pytest.raises(ArgumentError, match=r"Call merge_layer\(model, '0'\)"):
            replace(model, "0", 2)

    def test_a_tied_parameter(self) -> None:
        model = Tied()
        with pytest.raises(ArgumentError, match=r"shares one with 'embedding\.weight'.*Untie"):
            replace(model, "output", 2)
        assert model.output.weight is model.embedding.weight

    def test_a_tied_bias(self) -> None:
        model = nn.Sequential(nn.Linear(9, 9), nn.Linear(9, 9))
        model[1].bias = model[0].bias
        with pytest.raises(ArgumentError, match=r"shares one with '1\.bias'"):
            replace(model, "0", 2)

    def test_a_parametrised_layer(self) -> None:
        model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(9, 9)))
        with pytest.raises(ArgumentError, match="Remove its parametrisation"):
            replace(model, "0", 2)

    def test_a_lazy_layer(self) -> None:
        model = nn.Sequential(nn.LazyLinear(4))
        with pytest.raises(ArgumentError, match="Run one batch through first"):
            replace_layer(model, "0", PlainFactors(torch.ones(1, 2), torch.ones(4, 1)))

    def test_a_layer_without_values(self) -> None:
        model = nn.Sequential(nn.Linear(3, 4, device="meta"))
        with pytest.raises(ArgumentError, match=r"on meta.*onto a real device"):
            replace_layer(model, "0", PlainFactors(torch.ones(1, 3), torch.ones(4, 1)))


class TestUndo:
    def test_restore_gives_back_every_bit(self) -> None:
        model = perceptron()
        inputs = torch.randn(4, 12)
        before, original = model(inputs), model[0]
        replace(model, "0", 2)
        restore_layer(model, "0", original)
        assert torch.equal(model(inputs), before)

    def test_restore_refuses_another_shape(self) -> None:
        model = perceptron()
        replace(model, "0", 2)
        with pytest.raises(ArgumentError, match="a layer of the shape of '0'"):
            restore_layer(model, "0", nn.Linear(3, 3))
        assert isinstance(model[0], LowRankLinear)

    def test_merge_equals_the_trained_factors(self) -> None:
        model = perceptron().double()
        replace(model, "0", 2)
        inputs = torch.randn(4, 12, dtype=torch.float64)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(inputs).square().sum().backward()
        optimizer.step()
        after = model(inputs)
        layer = merge_layer(model, "0")
        assert model[0] is layer
        torch.testing.assert_close(model(inputs), after)

    def test_an_ordinary_layer_is_refused(self) -> None:
        model = perceptron()
        for undo in (lambda: merge_layer(model, "0"), lambda: restore_layer(model, "0", model[0])):
            with pytest.raises(ArgumentError, match=r"it is Linear\. Call replace_layer first"):
                undo()
