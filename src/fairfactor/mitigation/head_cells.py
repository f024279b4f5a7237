"""Class and group from one head on the features of a frozen network."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from fairfactor.mitigation.cell_model import FrozenCells, features_and_logits


class HeadCells(FrozenCells):
    """p(y, s | x) from a cell head alone; the last layer of the network is not asked."""

    kind = "head_cells"

    def forward(self, inputs: Tensor) -> Tensor:
        """p(y, s | x)."""
        features, _ = features_and_logits(self.network, self.layers, inputs)
        return cast("Tensor", self.head(features)).exp()
