"""Fisher information by a loop over samples, in float64: one forward and backward pass each."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

WeightedTarget = tuple[float, Tensor]


@dataclass
class PerSampleFisher:
    """Sums over the label distribution of products of the gradient G of each sample.

    Attributes:
        diagonal: Σ p G ∘ G, shape (samples, out, in).
        input_matrix: Σ p Gᵀ G, shape (samples, in, in).
    """

    diagonal: Tensor
    input_matrix: Tensor

    def group_means(self, groups: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Row importance, diagonal and input matrix: means over the samples of each group."""
        diagonal = torch.stack([self.diagonal[groups == s].mean(0) for s in _codes(groups)])
        matrix = torch.stack([self.input_matrix[groups == s].mean(0) for s in _codes(groups)])
        return diagonal.sum(dim=1), diagonal, matrix


def per_sample_fisher(
    model: nn.Module,
    inputs: Any,
    targets: Tensor,
    weight_name: str,
    *,
    loss: str | Callable[[Tensor, Tensor], Tensor] = "cross_entropy",
    labels: str = "observed",
    forward: Callable[[nn.Module, Any], Tensor] | None = None,
    transposed: bool = False,
) -> PerSampleFisher:
    """Differentiate the loss of each sample alone with respect to one weight.

    Args:
        model: The model; a float64 copy is differentiated.
        inputs: Tensor, tuple or dict of tensors, samples first.
        targets: Observed targets.
        weight_name: Name of the weight among the parameters.
        loss: Name of a loss, or a callable from (outputs, targets) to losses.
        labels: "observed", or "predicted" to enumerate the predictive distribution.
        forward: Callable from (model, inputs) to outputs.
        transposed: Whether the weight is (in, out).

    Returns:
        The products of every sample.
    """
    model = copy.deepcopy(model).double()
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    weight = dict(model.named_parameters(remove_duplicate=False))[weight_name]
    diagonals, matrices = [], []
    for index in range(len(targets)):
        outputs = _run(model, _row(inputs, index), forward)
        if labels == "observed":
            distribution = [(1.0, targets[index : index + 1])]
        else:
            assert isinstance(loss, str)
            distribution = list(_distribution(loss, outputs.detach()))
        diagonal, matrix = 0, 0
        for probability, target in distribution:
            value = loss(outputs, target)[0] if callable(loss) else _loss(loss, outputs, target)
            (gradient,) = torch.autograd.grad(value, weight, retain_graph=True)
            gradient = gradient.T if transposed else gradient.flatten(start_dim=1)
            diagonal = diagonal + probability * gradient.square()
            matrix = matrix + probability * gradient.T @ gradient
        diagonals.append(diagonal)
        matrices.append(matrix)
    return PerSampleFisher(torch.stack(diagonals), torch.stack(matrices))


def _loss(loss: str, outputs: Tensor, target: Tensor) -> Tensor:
    """Return the loss of one sample by torch's own function."""
    if loss == "cross_entropy":
        return functional.cross_entropy(outputs, target)
    target = target.double().reshape(outputs.shape)
    if loss == "binary_cross_entropy":
        return functional.binary_cross_entropy_with_logits(outputs, target)
    return functional.mse_loss(outputs, target)


def _distribution(loss: str, outputs: Tensor) -> Iterator[WeightedTarget]:
    """Enumerate the targets of one sample with their probability under the model.

    For the squared error a normal distribution of variance K / 2 is replaced by the two points one
    deviation away in each coordinate, which has the same second moments.
    """
    number = outputs.numel()
    if loss == "cross_entropy":
        probabilities = outputs[0].softmax(dim=0)
        for code in range(number):
            yield probabilities[code].item(), torch.tensor([code])
        return
    for bits in itertools.product((0.0, 1.0), repeat=number):
        drawn = torch.tensor(bits, dtype=torch.float64).reshape(outputs.shape)
        if loss == "binary_cross_entropy":
            p = outputs.sigmoid()
            yield (drawn * p + (1 - drawn) * (1 - p)).prod().item(), drawn
        else:
            yield 0.5**number, outputs + (2 * drawn - 1) * (number / 2) ** 0.5


def _run(model: nn.Module, inputs: Any, forward: Callable[[nn.Module, Any], Tensor] | None) -> Any:
    """Run the model on one sample."""
    if forward is not None:
        return forward(model, inputs)
    if isinstance(inputs, dict):
        outputs = model(**inputs)
    elif isinstance(inputs, tuple):
        outputs = model(*inputs)
    else:
        outputs = model(inputs)
    return getattr(outputs, "logits", outputs)


def _row(value: Any, index: int) -> Any:
    """Take one sample, with float tensors in float64."""
    if isinstance(value, dict):
        return {key: _row(item, index) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_row(item, index) for item in value)
    row = value[index : index + 1]
    return row.double() if row.is_floating_point() else row


def _codes(groups: Tensor) -> list[int]:
    """List the group codes in use."""
    return [int(code) for code in groups.unique() if code >= 0]
