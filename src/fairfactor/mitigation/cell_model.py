"""Networks that tell the probability of each class and group from the inputs alone.

Every recipe makes them, and every decision rule reads nothing else.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.mitigation.cell_head import CellHead

_SMALLEST = 1e-30


class CellModel(nn.Module, ABC):
    """From inputs to p(y, s | x), (rows × classes × groups).

    Attributes:
        kind: Its name in saved files.
        n_classes: Number of classes.
        n_groups: Number of groups; 1 for a model that has no view on groups.
    """

    kind: ClassVar[str]
    n_classes: int
    n_groups: int

    @property
    @abstractmethod
    def class_network(self) -> nn.Module | None:
        """The network that tells the class, or ``None`` if no input is looked at."""

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """p(y, s | x) of every row."""

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """JSON values from which `skeleton` builds the same architecture."""

    @classmethod
    @abstractmethod
    def skeleton(cls, backbone: nn.Module, description: Mapping[str, Any]) -> Self:
        """Build the architecture, whose tensors are to be loaded.

        Args:
            backbone: The network before mitigation.
            description: What `description` returned.

        Returns:
            The model.
        """


class ClassNetwork(CellModel):
    """A classifier without a view on groups: p(y | x) with a single group.

    Args:
        network: From inputs to logits.
        n_classes: Number of classes.
    """

    kind = "class_network"

    def __init__(self, network: nn.Module, n_classes: int) -> None:
        super().__init__()
        self.network, self.n_classes, self.n_groups = network, n_classes, 1

    @property
    def class_network(self) -> nn.Module:
        """The network."""
        return self.network

    def forward(self, inputs: Tensor) -> Tensor:
        """p(y | x), (rows × classes × 1)."""
        return functional.softmax(self.network(inputs), dim=1)[:, :, None]

    def description(self) -> dict[str, Any]:
        """Number of classes."""
        return {"n_classes": self.n_classes}

    @classmethod
    def skeleton(cls, backbone: nn.Module, description: Mapping[str, Any]) -> Self:
        """Take the backbone; surgery is repeated on loading."""
        return cls(backbone, description["n_classes"])


class ClassShares(CellModel):
    """p(y), whatever the inputs say: the same decision for everyone.

    Args:
        shares: p(y), (classes,).
    """

    kind = "class_shares"
    shares: Tensor

    def __init__(self, shares: Tensor) -> None:
        super().__init__()
        self.register_buffer("shares", shares)
        self.n_classes, self.n_groups = len(shares), 1

    @property
    def class_network(self) -> None:
        """Nothing: every row gets the same."""
        return None

    def forward(self, inputs: Tensor) -> Tensor:
        """p(y) of every row, (rows × classes × 1)."""
        return self.shares[None, :, None].expand(len(inputs), -1, -1)

    def description(self) -> dict[str, Any]:
        """Number of classes."""
        return {"n_classes": self.n_classes}

    @classmethod
    def skeleton(cls, _backbone: nn.Module, description: Mapping[str, Any]) -> Self:
        """Make room for the shares; the backbone is not used."""
        return cls(torch.zeros(description["n_classes"]))


class FrozenCells(CellModel):
    """p(y | x) from a frozen network, p(s | y, x) from a cell head on inputs of its layers.

    Args:
        network: From inputs to logits.
        layers: Names of the layers whose inputs, side by side, are the features of the head.
        head: The cell head.
    """

    kind = "frozen_cells"

    def __init__(self, network: nn.Module, layers: Sequence[str], head: CellHead) -> None:
        super().__init__()
        self.network, self.layers, self.head = network, tuple(layers), head
        self.n_classes, self.n_groups = head.n_classes, head.n_groups

    @property
    def class_network(self) -> nn.Module:
        """The network."""
        return self.network

    def forward(self, inputs: Tensor) -> Tensor:
        """p(y | x) p(s | y, x)."""
        features, logits = features_and_logits(self.network, self.layers, inputs)
        within = functional.softmax(self.head(features), dim=2)
        return functional.softmax(logits, dim=1)[:, :, None] * within

    def description(self) -> dict[str, Any]:
        """Layers and the size of the head."""
        size = [self.head.linear.in_features, self.n_classes, self.n_groups]
        return {"layers": list(self.layers), "head": size}

    @classmethod
    def skeleton(cls, backbone: nn.Module, description: Mapping[str, Any]) -> Self:
        """Put an empty head on the backbone."""
        return cls(backbone, description["layers"], CellHead(*description["head"]))


class ComposedCells(CellModel):
    """p(y | x) from one cell model, p(s | y, x) blended from both.

    Args:
        class_model: Says what class.
        group_model: Says, too, which group within each class.
        share: How much of p(s | y, x) is that of ``class_model``; the rest is ``group_model``'s.
    """

    kind = "composed_cells"

    def __init__(self, class_model: CellModel, group_model: CellModel, share: float = 0.0) -> None:
        super().__init__()
        self.class_model, self.group_model, self.share = class_model, group_model, share
        self.n_classes, self.n_groups = group_model.n_classes, group_model.n_groups

    @property
    def class_network(self) -> nn.Module | None:
        """That of the class model."""
        return self.class_model.class_network

    def forward(self, inputs: Tensor) -> Tensor:
        """p(y | x) p(s | y, x), (rows × classes × groups)."""
        cells: Tensor = self.class_model(inputs)
        classes = cells.sum(dim=2, keepdim=True)
        other = self.group_model(inputs)
        within = other / other.sum(dim=2, keepdim=True).clamp_min(_SMALLEST)
        blended: Tensor = self.share * cells + (1 - self.share) * classes * within
        return blended

    def description(self) -> dict[str, Any]:
        """Kind and description of both, and the share."""
        models = {"class_model": self.class_model, "group_model": self.group_model}
        parts = {n: {"kind": m.kind, **m.description()} for n, m in models.items()}
        return {**parts, "share": self.share}

    @classmethod
    def skeleton(cls, backbone: nn.Module, description: Mapping[str, Any]) -> Self:
        """Build both, each on a copy of the backbone."""
        kinds = {kind.kind: kind for kind in CellModel.__subclasses__()}
        class_model, group_model = (
            kinds[part["kind"]].skeleton(copy.deepcopy(backbone), part)
            for part in (description["class_model"], description["group_model"])
        )
        return cls(class_model, group_model, description["share"])


def features_and_logits(
    network: nn.Module, layers: Sequence[str], inputs: Tensor
) -> tuple[Tensor, Tensor]:
    """What chosen layers are given, side by side, and the logits, in one forward pass.

    Args:
        network: From inputs to logits.
        layers: Names of the layers.
        inputs: Inputs of the network.

    Returns:
        Features (rows × sum of the layers' widths) and logits (rows × classes).
    """
    seen: dict[str, Tensor] = {}

    def keep(name: str, _module: nn.Module, arguments: tuple[Any, ...]) -> None:
        seen[name] = arguments[0]

    handles = [
        network.get_submodule(name).register_forward_pre_hook(partial(keep, name))
        for name in layers
    ]
    try:
        logits = network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return torch.cat([seen[name] for name in layers], dim=1), logits


def cell_probabilities(model: nn.Module, inputs: Tensor, *, batch_size: int = 4096) -> Tensor:
    """Cell probabilities of many rows, in evaluation mode and without gradients.

    Args:
        model: A cell model.
        inputs: Its inputs, rows first.
        batch_size: Rows in each forward pass.

    Returns:
        p(y, s | x), (rows × classes × groups).
    """
    model.eval()
    with torch.no_grad():
        return torch.cat([model(batch) for batch in inputs.split(batch_size)])
