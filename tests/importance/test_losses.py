"""Per-sample losses and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fairfactor.errors import ArgumentError, DataError
from fairfactor.importance.losses import Objective


@pytest.mark.parametrize(
    ("loss", "function", "targets"),
    [
        ("cross_entropy", functional.cross_entropy, torch.tensor([0, 2, 1, 1])),
        (
            "binary_cross_entropy",
            functional.binary_cross_entropy_with_logits,
            torch.tensor([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]]).double(),
        ),
        ("mean_squared_error", functional.mse_loss, torch.arange(12.0).reshape(4, 3).double()),
    ],
)
def test_mean_over_samples_is_the_loss_of_torch(loss: Any, function: Any, targets: Tensor) -> None:
    torch.manual_seed(0)
    outputs = torch.randn(4, 3).double()
    (losses,) = Objective(loss, "observed", 0)(outputs, targets)
    assert losses.shape == (4,)
    torch.testing.assert_close(losses.mean(), function(outputs, targets))


def test_one_logit_takes_targets_of_either_shape() -> None:
    outputs, targets = torch.tensor([0.5, -1.0]), torch.tensor([1, 0])
    objective = Objective("binary_cross_entropy", "observed", 0)
    (flat,) = objective(outputs, targets)
    (column,) = objective(outputs[:, None], targets[:, None].float())
    (mixed,) = objective(outputs[:, None], targets)
    assert torch.equal(flat, column)
    assert torch.equal(flat, mixed)


def test_half_precision_outputs_have_losses_in_single_precision() -> None:
    (losses,) = Objective("cross_entropy", "observed", 0)(
        torch.zeros(2, 3, dtype=torch.bfloat16), torch.tensor([0, 1])
    )
    assert losses.dtype == torch.float32


@pytest.mark.parametrize(
    ("loss", "shape", "message"),
    [
        ("cross_entropy", (2, 1), "Use loss='binary_cross_entropy' for one logit"),
        ("cross_entropy", (2,), r"gave \(2,\)"),
        ("cross_entropy", (2, 5, 3), "the loss as a callable"),
        ("mean_squared_error", (2, 5, 3), "the loss as a callable"),
    ],
)
def test_outputs_of_another_shape_are_refused(loss: Any, shape: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Objective(loss, "observed", 0)(torch.zeros(shape), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        ("cross_entropy", torch.tensor([0, 3]), "Target 3 is out of range: .* classes are 0 to 2"),
        ("cross_entropy", torch.tensor([-100, 0]), "Target -100 is out of range"),
        ("cross_entropy", torch.tensor([0.0, 1.0]), "expected 2 integer class codes"),
        ("cross_entropy", torch.zeros(2, 3).long(), r"shape \(2, 3\)"),
        ("binary_cross_entropy", torch.tensor([0, 1]), r"expected \(2, 3\)"),
        ("binary_cross_entropy", torch.full((2, 3), 2), "from 0 to 1"),
        ("mean_squared_error", torch.zeros(3, 2), r"expected \(2, 3\)"),
        ("cross_entropy", ["yes", "no", "no"], r"Targets are \['yes', 'no', 'no'\]: expected"),
    ],
)
def test_targets_that_do_not_fit_are_refused(loss: Any, targets: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Objective(loss, "observed", 0)(torch.zeros(2, 3), targets)


@pytest.mark.parametrize(
    "loss",
    [
        lambda outputs, targets: outputs.mean(),
        lambda outputs, targets: outputs,
        lambda outputs, targets: 1.0,
    ],
)
def test_callable_without_one_loss_per_sample_is_refused(loss: Any) -> None:
    with pytest.raises(ArgumentError, match="Use reduction='none'"):
        Objective(loss, "observed", 0)(torch.zeros(2, 3), None)


def test_predicted_probabilities_that_vanish_are_harmless() -> None:
    outputs = torch.tensor([[0.0, 1000.0, -1000.0]], requires_grad=True)
    for scalar in Objective("cross_entropy", "predicted", 0)(outputs, None):
        (gradient,) = torch.autograd.grad(scalar.sum(), outputs, retain_graph=True)
        assert gradient.isfinite().all()
