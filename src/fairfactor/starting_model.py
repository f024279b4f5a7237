"""A pre-trained network to start from: that of an older run, or one that the user's code makes."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from fairfactor.data.encoding import TableEncoder
from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError, DataError, SavedModelError

Factory = Callable[[int, int], nn.Module]
"""From the numbers of inputs and of classes to a network from inputs to logits."""


@dataclass(frozen=True, eq=False)
class StartingModel:
    """Where fine-tuning starts.

    Attributes:
        name: What the user named.
        network: The pre-trained network in evaluation mode, or what makes one.
        encoder: From columns to its inputs; ``None`` to learn one from the training rows.
        class_names: The classes that it tells apart; ``None`` if it is made for those of the task.
        trained: Whether the network can be taken as it is.
    """

    name: str
    network: nn.Module | Factory
    encoder: TableEncoder | None = None
    class_names: tuple[str, ...] | None = None
    trained: bool = True

    def fitting_encoder(self, task: TableTask) -> TableEncoder | None:
        """The encoder, if there is one and the table has what it reads.

        Args:
            task: The table.

        Returns:
            The encoder; ``None`` to learn one.

        Raises:
            DataError: If a column is missing, or is no input here.
        """
        if self.encoder is None:
            return None
        for column in self.encoder.columns:
            if column.name not in task.input_columns:
                raise DataError(
                    f"model {self.name} reads column {column.name!r}, which is no input of this "
                    f"table ({', '.join(task.input_columns[:20])} are). Add the column, or start "
                    "without --model."
                )
        return self.encoder

    def build(self, inputs: int, class_names: tuple[str, ...], seed: int) -> tuple[nn.Module, bool]:
        """The network for a task.

        A network for other classes gets a new last layer, named ``head``.

        Args:
            inputs: Number of inputs.
            class_names: The classes.
            seed: Seed of new weights; the global generator is left as it was.

        Returns:
            The network, and whether it still has to be trained.
        """
        if not isinstance(self.network, nn.Module):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                return _checked(self.name, self.network, inputs, len(class_names)), not self.trained
        network = copy.deepcopy(self.network)
        if class_names == self.class_names:
            return network, False
        last = cast("nn.Linear", network.get_submodule("head"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network.set_submodule("head", nn.Linear(last.in_features, len(class_names)))
        return network, True


def from_factory(name: str, weights: Path | None = None) -> StartingModel:
    """Import a function of the user's that makes a network.

    Args:
        name: ``module:function``; the function takes the numbers of inputs and of classes.
        weights: File of safetensors with every tensor of the network; without it, the network is
            trained first.

    Returns:
        The starting model.
    """
    factory = import_factory(name)
    if weights is None:
        return StartingModel(name, factory, trained=False)

    def build(inputs: int, classes: int) -> nn.Module:
        network = factory(inputs, classes)
        _load_weights(network, weights)
        return network

    return StartingModel(name, build)


def import_factory(name: str) -> Factory:
    """Import a function that the user names.

    Args:
        name: ``module:function``, the module being in the current folder or installed.

    Returns:
        The function.

    Raises:
        ArgumentError: If there is no such function.
    """
    module_name, _, function_name = name.partition(":")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ArgumentError(
            "model", name, f"module:function that can be imported ({error})", "Check both names."
        ) from error
    if not callable(function):
        raise ArgumentError("model", name, "the name of a function")
    return cast("Factory", function)


def refuse_hugging_face(path: Path) -> None:
    """Say what to do with a folder of transformers, whose models read texts and not tables.

    Args:
        path: A folder.

    Raises:
        ArgumentError: If its ``config.json`` is one of transformers.
    """
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(config, dict) and {"model_type", "architectures"} & config.keys():
        raise ArgumentError(
            "model",
            str(path),
            f"a model of tables; this is a {config.get('model_type', 'transformers')} model of "
            "Hugging Face",
            "In Python, factorize_model and attach_adapter work on it: see docs/engine.md.",
        )


def _load_weights(network: nn.Module, weights: Path) -> None:
    """Load every tensor.

    Raises:
        SavedModelError: If the file cannot be read or does not fit.
    """
    try:
        network.load_state_dict(load_file(weights))
    except (OSError, SafetensorError, RuntimeError) as error:
        cause = " ".join(str(error).split())[:300]
        raise SavedModelError(
            f"weights {weights} do not fit the network ({cause}). Save them with "
            "safetensors.torch.save_file(network.state_dict(), ...)."
        ) from error


def _checked(name: str, factory: Factory, inputs: int, classes: int) -> nn.Module:
    """Make a network and try it on two rows.

    Returns:
        The network in evaluation mode.

    Raises:
        ArgumentError: If it is none, or does not map inputs to logits.
        SavedModelError: If its weights do not fit.
    """
    accepted = f"a function from ({inputs}, {classes}) to a network"
    try:
        network = factory(inputs, classes)
        if not isinstance(network, nn.Module):
            raise ArgumentError("model", name, f"{accepted}, not {type(network).__name__}")
        with torch.no_grad():
            shape = tuple(network.eval()(torch.zeros(2, inputs)).shape)
    except (ArgumentError, SavedModelError):
        raise
    except Exception as error:  # code of the user's can fail in any way
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ArgumentError("model", name, f"{accepted} ({cause})") from error
    if shape != (2, classes):
        raise ArgumentError(
            "model", name, f"a network from 2 × {inputs} to 2 × {classes} logits, not {shape}"
        )
    return network
