"""Inputs and output gradients of chosen layers, without any gradient of a weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from fairfactor.distributed import ALONE, Processes
from fairfactor.errors import ArgumentError, DataError
from fairfactor.importance.calls import (
    LayerCall,
    LayerUse,
    called_input,
    calling_layers,
    layout_is_open,
    split_samples,
    tied_layers,
)

Receiver = Callable[[str, list[LayerUse]], None]


@dataclass
class _Weight:
    """A weight with its uses in the current forward pass."""

    name: str
    was_called: bool = False
    calls: dict[int, LayerCall] = field(default_factory=dict)
    arrived: list[LayerUse] = field(default_factory=list)

    def forget(self) -> None:
        """Drop the inputs and gradients; hooks that are still in the graph do not hold them."""
        self.calls = {}
        self.arrived = []


class GradientCapture:
    """Context that hands on the input and output gradient of each chosen layer during backward.

    All parameters are frozen inside the context, so that autograd computes no weight gradient and
    builds no graph below the first chosen layer: there, the graph starts at the layer's output.
    Where something else starts a graph, such as a hook that makes embeddings require gradients, it
    is followed too.
    A weight that is used several times in a forward pass is handed on once, with all of its uses,
    since the gradient of a sample is their sum. Hooks are removed and ``requires_grad`` is restored
    on leaving; ``grad`` is never touched.

    Args:
        model: The model.
        layers: Chosen layers by name.
        processes: Those that must run the model together.
    """

    def __init__(
        self, model: nn.Module, layers: dict[str, nn.Module], processes: Processes = ALONE
    ) -> None:
        self._model, self._processes = model, processes
        self._receive: Receiver | None = None
        self._weights = [_Weight(name) for name in layers]
        self._sharing = [tied_layers(model, name, layer) for name, layer in layers.items()]
        self._batch_size = 0
        self._recording = False
        self._is_last_pass = False
        self._has_handed_on = False
        self._layout_is_open = False
        self._layout_is_known = False
        self._stack = ExitStack()

    def __enter__(self) -> GradientCapture:
        self._stack.enter_context(_frozen(self._model))
        self._stack.enter_context(calling_layers())
        self._stack.enter_context(torch.enable_grad())
        hooked: dict[nn.Module, list[_Weight]] = {}
        for weight, modules in zip(self._weights, self._sharing, strict=True):
            for module in modules:
                hooked.setdefault(module, []).append(weight)
        for module, weights in hooked.items():
            handle = module.register_forward_hook(self._hook(weights), with_kwargs=True)
            self._stack.callback(handle.remove)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._forget()
        self._stack.close()

    @contextmanager
    def forward(self, batch_size: int) -> Iterator[None]:
        """Record the uses of the layers while the body runs the model on a batch.

        Args:
            batch_size: Number of samples in the batch.

        Yields:
            Nothing.
        """
        self._forget()
        self._batch_size = batch_size
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    def backward(self, scalars: Sequence[Tensor], rows: Tensor | None, receive: Receiver) -> None:
        """Run one backward pass per tensor of per-sample scalars, and hand on what arrives.

        Args:
            scalars: Tensors of shape (included samples,).
            rows: Index in the batch of each included sample, or None if all are.
            receive: Called with the name of a layer and the uses of its weight, as soon as the
                last of them is known; once for each backward pass.
        """
        if not all(scalar.requires_grad for scalar in scalars):
            raise self._independence_error()
        if not self._layout_is_known and any(self._processes.largest(int(self._layout_is_open))):
            check = partial(_check_other_rows, 0 if rows is None else int(rows[0]))
            self._run_pass(scalars[0][0], check, is_last=False)
            self._layout_is_known = True
        handed_on = [
            self._run_pass(scalar.sum(), receive, is_last=index == len(scalars) - 1)
            for index, scalar in enumerate(scalars)
        ]
        if not any(handed_on):
            raise self._independence_error()
        self._forget()

    def refuse_uncalled(self, processes: Processes) -> None:
        """Refuse layers that no forward pass has called, in none of the processes.

        Args:
            processes: Those that share the work.

        Raises:
            ArgumentError: If there is one.
        """
        called = torch.tensor([int(weight.was_called) for weight in self._weights])
        processes.sum([called])
        for weight, times in zip(self._weights, called.tolist(), strict=True):
            if not times:
                raise ArgumentError(
                    "layers",
                    weight.name,
                    "layers that the model calls",
                    "Leave it out of layers=; a module that reads its weight does not call it.",
                )

    def _run_pass(self, scalar: Tensor, receive: Receiver, *, is_last: bool) -> bool:
        """Run a backward pass down to where the graph starts; tell whether anything arrived."""
        self._receive = receive
        self._is_last_pass = is_last
        self._has_handed_on = False
        torch.autograd.grad(scalar, _leaves(scalar), retain_graph=not is_last)
        for weight in self._weights:
            self._hand_on(weight)
        return self._has_handed_on

    def _independence_error(self) -> ArgumentError:
        """Make the error for outputs that do not depend on any chosen layer."""
        return ArgumentError(
            "layers",
            ", ".join(weight.name for weight in self._weights[:4]),
            "layers that the model calls, and on which the loss depends",
            "Choose other layers, and do not detach the outputs.",
        )

    def _hook(self, weights: list[_Weight]) -> Callable[..., Tensor]:
        """Make the forward hook of a module that uses the given weights."""

        def record(
            layer: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Tensor
        ) -> Tensor:
            if not (self._recording or torch.is_grad_enabled()):
                return output
            inputs = called_input(arguments, keywords)
            name = weights[0].name
            if not torch.is_grad_enabled() or torch.is_inference_mode_enabled():
                raise ArgumentError(
                    "layers",
                    name,
                    "layers that are called with gradients enabled",
                    "Remove torch.no_grad, or checkpointing with use_reentrant=True, around it.",
                )
            starts_graph = not output.requires_grad
            root = output.detach().requires_grad_() if starts_graph else output
            tapped = _without_view(root) if starts_graph or output._is_view() else output
            if not self._recording:  # recomputed by activation checkpointing
                return tapped
            self._layout_is_open |= layout_is_open(layer, inputs, self._batch_size)
            inputs = split_samples(layer, name, inputs, self._batch_size)
            for weight in weights:
                index = len(weight.calls)
                weight.was_called = True
                weight.calls[index] = LayerCall(weight.name, layer, inputs)
                tapped.register_hook(self._receiver(weight, index))
            return tapped

        return record

    def _receiver(self, weight: _Weight, index: int) -> Callable[[Tensor], None]:
        """Make the hook that takes the output gradient of one call."""

        def take(gradient: Tensor) -> None:
            call = weight.calls[index]
            gradient = split_samples(call.layer, weight.name, gradient, self._batch_size)
            weight.arrived.append(LayerUse(call.layer, call.unchanged_inputs(), gradient))
            if len(weight.arrived) == len(weight.calls):
                self._hand_on(weight)

        return take

    def _hand_on(self, weight: _Weight) -> None:
        """Pass on what has arrived for a weight; a use that the loss ignores never arrives."""
        arrived, weight.arrived = weight.arrived, []
        if self._is_last_pass:
            weight.forget()
        if arrived and self._receive:
            self._has_handed_on = True
            self._receive(weight.name, arrived)

    def _forget(self) -> None:
        """Drop everything that belongs to one batch."""
        for weight in self._weights:
            weight.forget()


def _leaves(scalar: Tensor) -> list[Tensor]:
    """Return the tensors at which the graph of a scalar starts."""
    assert scalar.grad_fn is not None
    leaves, waiting = [], [scalar.grad_fn]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return leaves


def _check_other_rows(row: int, name: str, uses: list[LayerUse]) -> None:
    """Refuse a gradient of one sample's loss that reaches other rows than that of the sample."""
    for use in uses:
        reached = use.gradients.flatten(start_dim=1).any(dim=1)
        reached[row] = False
        if reached.any():
            raise DataError(
                f"Layer {name!r} does not have the samples along the first dimension of its "
                "inputs. Use batch_first=True in the model, or leave the layer out of layers=."
            )


def _without_view(output: Tensor) -> Tensor:
    """Return the output, in the same memory, as a tensor that may be changed in place.

    An activation that works in place may follow a layer. On a leaf that is an error, and on a view
    it cuts the hooks off; on the result of ``_unsafe_view`` hooks see the gradient before it.
    """
    unviewed: Tensor = torch.ops.aten._unsafe_view(output, output.shape)
    return unviewed


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Switch ``requires_grad`` off for all parameters, and back to what it was afterwards."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
