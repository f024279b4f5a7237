"""Group Fisher information of models that are built or called in unusual ways."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.importance.small_data import NUMBER, classes_and_groups, split_batches, token_inputs
from tests.importance.small_models import (
    RecurrentClassifier,
    SequenceFirst,
    deep_mlp,
)
from tests.oracles.per_sample_fisher import per_sample_fisher
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, DataError, FairfactorError
from fairfactor.importance import group_fisher, input_moments


def test_half_precision_accumulates_in_full_precision() -> None:
    torch.manual_seed(9)
    model, inputs = deep_mlp(), torch.randn(200, 6)
    targets, groups = torch.randint(0, 3, (200,)), torch.randint(0, 2, (200,))
    batches = split_batches(inputs, targets, groups, 64)
    exact = group_fisher(model, batches, layers="all-linear")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = group_fisher(model, batches, layers="all-linear")
    halves = [(x.bfloat16(), y, s) for x, y, s in batches]
    pure = group_fisher(model.bfloat16(), halves, layers="all-linear")
    for name, found in exact.items():
        for other in (mixed[name], pure[name]):
            assert other.row_importance.dtype == torch.float64
            ratio = other.row_importance.sum() / found.row_importance.sum()
            assert abs(ratio - 1) < 0.05


def test_layer_that_the_loss_ignores_has_no_importance() -> None:
    class WithUnusedBranch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused, self.used = nn.Linear(4, 2), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            self.unused(x)
            return self.used(x)

    batch = (torch.randn(4, 4), torch.tensor([0, 1, 1, 0]), torch.tensor([0, 0, 1, 1]))
    result = group_fisher(WithUnusedBranch().eval(), [batch], layers="all-linear")
    assert result["unused"].row_importance.tolist() == [[0.0] * 4] * 2
    assert bool((result["used"].row_importance > 0).all())


def test_layer_with_samples_along_the_second_dimension_is_refused() -> None:
    targets, groups = classes_and_groups()
    model = SequenceFirst().eval()
    for positions in (NUMBER, 2 * NUMBER):  # both shapes could have samples first
        batch = (torch.randn(NUMBER, positions, 5), targets, groups)
        with pytest.raises(DataError, match="'input' does not have the samples along the first"):
            group_fisher(model, [batch], layers="input")
    with pytest.raises(DataError, match=r"'input' sees shape \(4, 13, 5\)"):
        group_fisher(model, [(torch.randn(NUMBER, 4, 5), targets, groups)], layers="input")
    assert not model.input._forward_hooks
    group_fisher(model, [(torch.randn(NUMBER, 4, 5), targets, groups)])  # the head is fine


def test_as_many_positions_as_samples_is_fine_with_samples_first() -> None:
    torch.manual_seed(13)
    model, inputs = RecurrentClassifier().eval().double(), torch.randn(NUMBER, NUMBER, 5).double()
    targets, groups = classes_and_groups()
    found = group_fisher(model, [(inputs, targets, groups)], layers="input")["input"]
    expected, _, _ = per_sample_fisher(model, inputs, targets, "input.weight").group_means(groups)
    torch.testing.assert_close(found.row_importance, expected, rtol=1e-10, atol=0)


def test_input_changed_in_place_is_refused() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = x * 2
            y = self.linear(x)
            return y + x.add_(1)

    model = InPlace().eval()
    batch = (torch.randn(3, 4), torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0]))
    with pytest.raises(FairfactorError, match="'linear' was changed in place"):
        group_fisher(model, [batch])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_activation_checkpointing() -> None:
    from torch.utils.checkpoint import checkpoint

    class Checkpointed(nn.Module):
        def __init__(self, *, reentrant: bool) -> None:
            super().__init__()
            self.body = deep_mlp(outputs=6)
            self.classifier = nn.Linear(6, 3)
            self.reentrant = reentrant

        def forward(self, x: Tensor) -> Tensor:
            return self.classifier(checkpoint(self.body, x, use_reentrant=self.reentrant))

    torch.manual_seed(14)
    model = Checkpointed(reentrant=False).eval().double()
    inputs = torch.randn(NUMBER, 6).double()
    targets, groups = classes_and_groups()
    result = group_fisher(model, [(inputs, targets, groups)], layers="all-linear")
    for name, found in result.items():
        loop = per_sample_fisher(model, inputs, targets, f"{name}.weight")
        expected, _, _ = loop.group_means(groups)
        torch.testing.assert_close(found.row_importance, expected, rtol=1e-10, atol=0)


def assert_equals_loop(model: nn.Module, inputs: Any, layers: Any, found_layers: list[str]) -> None:
    """Compare the row importance of every layer with a loop over samples, in float64."""
    targets, groups = classes_and_groups()
    batches = split_batches(inputs, targets, groups, 6)
    result = group_fisher(model, batches, layers=layers)
    assert list(result) == found_layers
    for name, found in result.items():
        loop = per_sample_fisher(model, inputs, targets, f"{name}.weight")
        expected, _, _ = loop.group_means(groups)
        torch.testing.assert_close(found.row_importance, expected, rtol=1e-9, atol=0)


class Encoder(nn.Module):
    """The transformer encoder of torch, which has a fused path for evaluation."""

    def __init__(self) -> None:
        super().__init__()
        block = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.encoder = nn.TransformerEncoder(block, 1)
        self.classifier = nn.Linear(8, 3)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        return self.classifier(self.encoder(x, src_key_padding_mask=padding)[:, 0])


@pytest.mark.filterwarnings("ignore:.*nested tensors:UserWarning")
def test_transformer_encoder_of_torch() -> None:
    torch.manual_seed(15)
    padding = torch.arange(5) >= (torch.arange(NUMBER) % 4 + 2)[:, None]
    inputs = (torch.randn(NUMBER, 5, 8).double(), padding)
    names = ["encoder.layers.0.linear1", "encoder.layers.0.linear2", "classifier"]
    was_enabled = torch.backends.mha.get_fastpath_enabled()
    model = Encoder().eval().double()
    assert_equals_loop(model, inputs, "all-linear", names)
    assert torch.backends.mha.get_fastpath_enabled() == was_enabled
    targets, groups = classes_and_groups()
    moments = input_moments(model, [(inputs, targets, groups)], layers=names[0])
    assert moments[names[0]].mean.shape == (8,)


def test_convolution_that_is_called_twice() -> None:
    torch.manual_seed(17)
    shared = nn.Conv2d(3, 3, 3, padding=1)
    tail = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    model = nn.Sequential(shared, nn.Tanh(), nn.MaxPool2d(3), shared, *tail).eval().double()
    assert_equals_loop(model, torch.randn(NUMBER, 3, 12, 12).double(), "*", ["0"])


def convolutions_with_channel_groups() -> nn.Module:
    layers = [
        nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2),
        nn.Tanh(),
        nn.Conv2d(8, 8, (3, 2), padding="same", padding_mode="reflect", groups=8),
        nn.Tanh(),
        nn.Conv2d(8, 6, 1, groups=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(6, 3, 1, groups=3),  # one position
    ]
    return nn.Sequential(*layers, nn.Flatten()).eval().double()


def test_channel_groups() -> None:
    torch.manual_seed(20)
    model, names = convolutions_with_channel_groups(), ["0", "2", "4", "6"]
    inputs, (targets, groups) = torch.randn(NUMBER, 4, 7, 6).double(), classes_and_groups()
    batches = split_batches(inputs, targets, groups, 6)
    statistics = ("diagonal", "input_matrix")
    result = group_fisher(model, batches, layers=names, statistics=statistics)
    assert list(result) == names
    for name, found in result.items():
        loop = per_sample_fisher(model, inputs, targets, f"{name}.weight")
        for value, expected in zip(
            (found.row_importance, found.diagonal, found.input_matrix),
            loop.group_means(groups),
            strict=True,
        ):
            torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-15)


def test_what_channel_groups_do_not_have() -> None:
    model, (targets, groups) = convolutions_with_channel_groups(), classes_and_groups()
    batches = [(torch.randn(NUMBER, 4, 7, 6).double(), targets, groups)]
    with pytest.raises(ArgumentError, match=r"layers='0'.*one factor.*2 channel groups"):
        group_fisher(model, batches, layers="0", statistics=("kronecker",))
    with pytest.raises(ArgumentError, match=r"layers='2'.*read the same inputs.*8 channel groups"):
        input_moments(model, batches, layers="2")


def test_channels_last() -> None:
    torch.manual_seed(18)
    layers = [nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 3, 1), nn.AdaptiveAvgPool2d(1)]
    model = nn.Sequential(*layers, nn.Flatten()).eval().double()
    model = model.to(memory_format=torch.channels_last)
    inputs = torch.randn(NUMBER, 3, 9, 9).double().to(memory_format=torch.channels_last)
    assert_equals_loop(model, inputs, "*", ["0", "1"])


def test_compiled_model() -> None:
    torch.manual_seed(19)
    model, inputs = deep_mlp().double(), torch.randn(NUMBER, 6).double()
    compiled = torch.compile(model, backend="eager")
    compiled(inputs)
    assert_equals_loop(compiled, inputs, "all-linear", [f"_orig_mod.{i}" for i in (0, 2, 4)])


def test_models_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(16)
    common = {"vocab_size": 20, "num_labels": 3, "pad_token_id": 0}
    bert = transformers.BertForSequenceClassification(
        transformers.BertConfig(
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=12,
            **common,
        )
    )
    gpt2 = transformers.GPT2ForSequenceClassification(
        transformers.GPT2Config(n_embd=8, n_layer=2, n_head=2, n_positions=16, **common)
    )
    inputs = token_inputs()
    tokens = torch.where(inputs["attention_mask"] == 1, inputs["tokens"] + 1, 0)
    inputs = {"input_ids": tokens, "attention_mask": inputs["attention_mask"]}
    targets, groups = classes_and_groups()
    for model, transposed, expected_layers in ((bert, "", 14), (gpt2, "transformer.", 9)):
        model = model.eval().double()
        batches = split_batches(inputs, targets, groups, 6)
        result = group_fisher(model, batches, layers="all-linear")
        assert len(result) == expected_layers
        model.enable_input_require_grads()  # as checkpointing does: a graph from the embeddings on
        again = group_fisher(model, batches, layers="all-linear")
        for name, found in result.items():
            assert torch.equal(again[name].row_importance, found.row_importance)
            loop = per_sample_fisher(
                model,
                inputs,
                targets,
                f"{name}.weight",
                transposed=bool(transposed) and name.startswith(transposed),
            )
            expected, _, _ = loop.group_means(groups)
            error = (found.row_importance - expected).abs().max() / expected.abs().max()
            assert error < 1e-10
