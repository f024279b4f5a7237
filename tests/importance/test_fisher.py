"""Group Fisher information against a loop over samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.importance.small_data import NUMBER, classes_and_groups, split_batches, token_inputs
from tests.importance.small_models import (
    ConvolutionClassifier,
    FlattenedPieces,
    RecurrentClassifier,
    RepeatedLayer,
    TokenClassifier,
    deep_mlp,
)
from tests.oracles.per_sample_fisher import per_sample_fisher
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.errors import ArgumentError, DataError
from fairfactor.importance import GroupFisher, group_fisher

ALL_STATISTICS = ("diagonal", "input_matrix", "kronecker")


def assert_equals_loop(
    found: GroupFisher, expected: tuple[Tensor, Tensor, Tensor], tolerance: float
) -> None:
    row_importance, diagonal, input_matrix = expected
    for actual, wanted in (
        (found.row_importance, row_importance),
        (found.diagonal, diagonal),
        (found.input_matrix, input_matrix),
    ):
        assert actual is not None
        assert actual.dtype == torch.float64
        error = (actual - wanted).abs().max() / wanted.abs().max()
        assert error < tolerance


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Any], Any]] = {
    "mlp": (deep_mlp, lambda: torch.randn(NUMBER, 6), "all-linear"),
    "tokens": (TokenClassifier, token_inputs, "all-linear"),
    "recurrent": (RecurrentClassifier, lambda: torch.randn(NUMBER, 4, 5), "all-linear"),
    "repeated": (RepeatedLayer, lambda: torch.randn(NUMBER, 6), "all-linear"),
    "pieces": (FlattenedPieces, lambda: torch.randn(NUMBER, 4, 5), "all-linear"),
    "convolution": (ConvolutionClassifier, lambda: torch.randn(NUMBER, 2, 9, 8), ["*"]),
}


@pytest.mark.parametrize("batch_size", [1, 5, NUMBER])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_equals_the_loop_over_samples(
    name: str, batch_size: int, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    build, make_inputs, layers = MODELS[name]
    model, inputs = build().eval().to(dtype), make_inputs()
    if isinstance(inputs, Tensor):
        inputs = inputs.to(dtype)
    targets, groups = classes_and_groups()
    batches = split_batches(inputs, targets, groups, batch_size)
    result = group_fisher(model, batches, layers=layers, statistics=ALL_STATISTICS)
    assert len(result) >= 2
    for layer_name, found in result.items():
        assert found.groups == ("0", "1", "2")
        assert found.counts.tolist() == [6, 5, 1]
        loop = per_sample_fisher(model, inputs, targets, f"{layer_name}.weight")
        assert_equals_loop(found, loop.group_means(groups), tolerance)
        if found.diagonal is not None and found.input_matrix is not None:
            torch.testing.assert_close(
                found.diagonal.sum(1), found.row_importance, rtol=1e-4, atol=1e-9
            )


@pytest.mark.parametrize("name", MODELS)
def test_row_importance_alone_equals_row_importance_with_other_statistics(name: str) -> None:
    torch.manual_seed(0)
    build, make_inputs, layers = MODELS[name]
    model, inputs = build().eval(), make_inputs()
    batches = split_batches(inputs, *classes_and_groups(), 6)
    alone = group_fisher(model, batches, layers=layers)
    together = group_fisher(model, batches, layers=layers, statistics=ALL_STATISTICS)
    matrix = group_fisher(model, batches, layers=layers, statistics=["input_matrix"])
    for layer_name, found in alone.items():
        assert found.diagonal is None
        assert found.input_matrix is None
        assert found.input_factor is None
        for other in (together[layer_name], matrix[layer_name]):
            torch.testing.assert_close(
                found.row_importance, other.row_importance, rtol=1e-4, atol=1e-10
            )


@pytest.mark.parametrize("labels", ["observed", "predicted"])
@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        ("cross_entropy", 2),
        ("cross_entropy", 4),
        ("binary_cross_entropy", 1),
        ("binary_cross_entropy", 3),
        ("mean_squared_error", 1),
        ("mean_squared_error", 3),
    ],
)
def test_losses_and_labels_equal_the_loop(labels: Any, loss: Any, outputs: int) -> None:
    torch.manual_seed(1)
    model = deep_mlp(outputs=outputs).double()
    inputs = torch.randn(NUMBER, 6).double()
    _, groups = classes_and_groups()
    if loss == "cross_entropy":
        targets = torch.randint(0, outputs, (NUMBER,))
    elif loss == "binary_cross_entropy":
        targets = torch.randint(0, 2, (NUMBER, outputs)).squeeze(1)
    else:
        targets = torch.randn(NUMBER, outputs)
    result = group_fisher(
        model,
        split_batches(inputs, targets, groups, 5),
        layers="all-linear",
        loss=loss,
        labels=labels,
        statistics=ALL_STATISTICS,
    )
    for name, found in result.items():
        loop = per_sample_fisher(model, inputs, targets, f"{name}.weight", loss=loss, labels=labels)
        assert_equals_loop(found, loop.group_means(groups), 1e-10)


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "mean_squared_error"])
def test_sampled_labels_approach_the_expectation(loss: Any) -> None:
    torch.manual_seed(2)
    model = nn.Linear(4, 3).double()
    inputs = torch.randn(3, 4).double()
    repeated, groups = inputs.repeat(4000, 1), torch.arange(3).repeat(4000)
    sampled = group_fisher(model, [(repeated, None, groups)], loss=loss, labels="sampled", seed=3)
    exact = group_fisher(model, [(inputs, None, torch.arange(3))], loss=loss, labels="predicted")
    torch.testing.assert_close(
        sampled[""].row_importance, exact[""].row_importance, rtol=0.1, atol=0
    )
    again = group_fisher(model, [(repeated, None, groups)], loss=loss, labels="sampled", seed=3)
    assert torch.equal(again[""].row_importance, sampled[""].row_importance)


def test_callable_loss_and_forward() -> None:
    torch.manual_seed(3)
    model, inputs = deep_mlp().double(), torch.randn(NUMBER, 6).double()
    targets, groups = classes_and_groups()

    def focal(outputs: Tensor, classes: Tensor) -> Tensor:
        losses = functional.cross_entropy(outputs, classes, reduction="none")
        return (1 - (-losses).exp()) ** 2 * losses

    def forward(module: nn.Module, values: tuple[Tensor, str]) -> Tensor:
        return module(values[0]) * 2

    batches = [((x, "a note"), y, s) for x, y, s in split_batches(inputs, targets, groups, 4)]
    found = group_fisher(model, batches, loss=focal, forward=forward)["4"]
    loop = per_sample_fisher(
        model, inputs, targets, "4.weight", loss=focal, forward=lambda m, x: m(x) * 2
    )
    expected, _, _ = loop.group_means(groups)
    torch.testing.assert_close(found.row_importance, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("labels", ["observed", "predicted"])
def test_kronecker_factors_of_one_position_are_second_moments(labels: Any) -> None:
    torch.manual_seed(4)
    model, inputs = nn.Linear(5, 3).double(), torch.randn(NUMBER, 5).double()
    targets, groups = classes_and_groups()
    batches = split_batches(inputs, targets, groups, 4)
    found = group_fisher(model, batches, labels=labels, statistics=["kronecker"])[""]
    probabilities = model(inputs).softmax(dim=1).detach()
    if labels == "observed":
        residuals = probabilities - functional.one_hot(targets, 3)
        outer = residuals[:, :, None] * residuals[:, None]
    else:
        outer = probabilities.diag_embed() - probabilities[:, :, None] * probabilities[:, None]
    for code in range(3):
        x = inputs[groups == code]
        assert found.input_factor is not None
        assert found.output_factor is not None
        torch.testing.assert_close(found.input_factor[code], x.T @ x / len(x))
        torch.testing.assert_close(found.output_factor[code], outer[groups == code].mean(dim=0))


def test_padding_changes_nothing() -> None:
    torch.manual_seed(5)
    model = TokenClassifier().eval().double()
    inputs = token_inputs()
    targets, groups = classes_and_groups()
    padded = {
        "tokens": torch.cat([inputs["tokens"], torch.randint(0, 11, (NUMBER, 9))], dim=1),
        "attention_mask": functional.pad(inputs["attention_mask"], (0, 9)),
    }
    for_layers = {"layers": "all-linear", "statistics": ["input_matrix", "kronecker"]}
    short = group_fisher(model, [(inputs, targets, groups)], **for_layers)
    long = group_fisher(model, [(padded, targets, groups)], **for_layers)
    for name, found in short.items():
        for statistic in ("row_importance", "input_matrix", "input_factor", "output_factor"):
            torch.testing.assert_close(getattr(found, statistic), getattr(long[name], statistic))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), size=st.integers(1, NUMBER))
def test_batches_and_order_do_not_matter(seed: int, size: int) -> None:
    torch.manual_seed(6)
    model, inputs = RepeatedLayer().double().eval(), torch.randn(NUMBER, 6).double()
    targets, groups = classes_and_groups()
    order = torch.randperm(NUMBER, generator=torch.Generator().manual_seed(seed))
    whole = group_fisher(model, [(inputs, targets, groups)], layers="all-linear")
    shuffled = split_batches(inputs[order], targets[order], groups[order], size)
    parts = group_fisher(model, shuffled, layers="all-linear")
    for name, found in whole.items():
        torch.testing.assert_close(
            parts[name].row_importance, found.row_importance, rtol=1e-11, atol=0
        )


@settings(max_examples=15, deadline=None)
@given(permutation=st.permutations(range(3)))
def test_codes_of_groups_are_only_names(permutation: list[int]) -> None:
    torch.manual_seed(7)
    model, inputs = deep_mlp().double(), torch.randn(NUMBER, 6).double()
    targets, groups = classes_and_groups()
    renamed = torch.where(groups >= 0, torch.tensor(permutation)[groups], groups)
    before = group_fisher(model, [(inputs, targets, groups)])["4"]
    after = group_fisher(model, [(inputs, targets, renamed)])["4"]
    torch.testing.assert_close(after.row_importance[permutation], before.row_importance)
    assert after.counts[permutation].tolist() == before.counts.tolist()


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(8)
    model, inputs = ConvolutionClassifier().eval().double(), torch.randn(NUMBER, 2, 9, 8).double()
    targets, groups = classes_and_groups()
    whole = group_fisher(model, [(inputs, targets, groups)], layers="*")
    monkeypatch.setattr("fairfactor.importance.fisher._WORKSPACE_ELEMENTS", 1)
    for name, found in group_fisher(model, [(inputs, targets, groups)], layers="*").items():
        torch.testing.assert_close(found.row_importance, whole[name].row_importance)


def test_model_is_left_as_it_was() -> None:
    torch.manual_seed(10)
    model = ConvolutionClassifier().eval()
    model.wide.requires_grad_(False)
    model(torch.randn(2, 2, 9, 8)).sum().backward()
    flags = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    gradients = {
        name: None if parameter.grad is None else parameter.grad.clone()
        for name, parameter in model.named_parameters()
    }
    state = {name: value.clone() for name, value in model.state_dict().items()}
    targets, groups = classes_and_groups()
    group_fisher(model, [(torch.randn(NUMBER, 2, 9, 8), targets, groups)], layers="*")
    assert not any(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == flags[name]
        before = gradients[name]
        assert (parameter.grad is None) == (before is None)
        assert before is None or torch.equal(parameter.grad, before)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("layers", ["head", "all-linear"])
def test_frozen_parameters_change_nothing(layers: str) -> None:
    torch.manual_seed(11)
    model = TokenClassifier().eval()
    targets, groups = classes_and_groups()
    batches = [(token_inputs(), targets, groups)]
    trainable = group_fisher(model, batches, layers=layers)
    with torch.no_grad():
        frozen = group_fisher(model.requires_grad_(False), batches, layers=layers)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    for name, found in trainable.items():
        assert torch.equal(found.row_importance, frozen[name].row_importance)


def test_head_needs_no_graph_below_it() -> None:
    model = deep_mlp()
    seen: list[bool] = []
    model[3].register_forward_hook(lambda *arguments: seen.append(arguments[2].requires_grad))
    group_fisher(model, [(torch.randn(4, 6), torch.tensor([0, 1, 2, 0]), torch.tensor([0] * 4))])
    assert seen
    assert not any(seen)


def test_group_names() -> None:
    batch = (torch.randn(4, 6), torch.tensor([0, 1, 2, 0]), torch.tensor([0, 0, 1, 1]))
    assert group_fisher(deep_mlp(), [batch], group_names=["A", "B"])["4"].groups == ("A", "B")
    with pytest.raises(DataError, match=r"Group 'C' \(code 2\) has no sample"):
        group_fisher(deep_mlp(), [batch], group_names=["A", "B", "C"])
    with pytest.raises(DataError, match="group code 1 is out of range; expected 0 to 0"):
        group_fisher(deep_mlp(), [batch], group_names=["A"])


def test_excluded_rows_may_hold_anything() -> None:
    torch.manual_seed(12)
    model, inputs = deep_mlp(), torch.randn(4, 6)
    targets, groups = torch.tensor([0, 1, 2, 99]), torch.tensor([0, 0, 1, -1])
    inputs[3] = torch.nan
    result = group_fisher(model, [(inputs, targets, groups)], layers="all-linear")
    expected = group_fisher(model, [(inputs[:3], targets[:3], groups[:3])], layers="all-linear")
    for name, found in result.items():
        torch.testing.assert_close(found.row_importance, expected[name].row_importance)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    inputs = torch.randn(4, 6)
    inputs[1, 2] = value
    batch = (inputs, torch.tensor([0, 1, 2, 0]), torch.tensor([0, 0, 1, 1]))
    with pytest.raises(DataError, match="Layer '0' has inputs or gradients that are not finite"):
        group_fisher(nn.Sequential(nn.Linear(6, 3)), [batch])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"statistics": ["trace"]}, "statistics={'trace'}"),
        ({"labels": "guessed"}, "labels='guessed'"),
        ({"loss": "hinge"}, "loss='hinge'"),
        ({"layers": "encoder"}, "layers='encoder'"),
        ({"loss": lambda z, y: z.sum(1), "labels": "predicted"}, "Use labels='observed'"),
    ],
)
def test_unknown_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        group_fisher(deep_mlp(), [], **arguments)


def test_empty_data_are_refused() -> None:
    with pytest.raises(DataError, match="no sample with a group"):
        group_fisher(deep_mlp(), [])
    batch = (torch.randn(2, 6), torch.tensor([0, 1]), torch.tensor([-1, -1]))
    with pytest.raises(DataError, match="no sample with a group"):
        group_fisher(deep_mlp(), [batch])


def test_groups_that_alternate_in_a_batch_are_told_apart():
    """Rows sorted by group are not neighbours in the batch, even if the first and last fit."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3)).double().eval()
    inputs = torch.randn(8, 4, dtype=torch.float64)
    targets = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    groups = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1])
    together = group_fisher(model, [(inputs, targets, groups)], layers=["0"])["0"]
    rows = [(inputs[i : i + 1], targets[i : i + 1], groups[i : i + 1]) for i in range(8)]
    alone = group_fisher(model, rows, layers=["0"])["0"]
    torch.testing.assert_close(together.row_importance, alone.row_importance, rtol=1e-10, atol=0)
