"""The surgery of one layer as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, cast

import torch
from torch import nn

from fairfactor.errors import SavedModelError
from fairfactor.surgery.layer_shape import ConvGeometry, LayerShape, LowRankLayer
from fairfactor.surgery.lowrank_conv import PaddingMode, Pair

_FACTORS: tuple[Literal["down", "up"], ...] = ("down", "up")
_LAYER_KEYS = frozenset(
    {"kind", "in_features", "out_features", "rank", "bias", "locked", "geometry"}
)
_GEOMETRY_KEYS = frozenset({"kernel_size", "stride", "padding", "dilation", "padding_mode"})


@dataclass(frozen=True)
class LayerRecord:
    """Enough to repeat the surgery of one layer on a freshly built model.

    Attributes:
        shape: Sizes and geometry that the layer had before and has after.
        rank: The rank of its factors.
        bias: Whether it has a bias now.
        locked: The factors that do not train, "down", "up" or both.
    """

    shape: LayerShape
    rank: int
    bias: bool
    locked: tuple[Literal["down", "up"], ...]

    @classmethod
    def of(cls, layer: LowRankLayer) -> Self:
        """Describe a low-rank layer."""
        return cls(
            shape=LayerShape.of(layer),
            rank=layer.rank,
            bias=layer.bias is not None,
            locked=tuple(
                factor for factor in _FACTORS if not getattr(layer, factor).weight.requires_grad
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Convert to values that JSON has.

        Returns:
            The record; `from_json` reads it.
        """
        values: dict[str, Any] = asdict(self)
        shape: dict[str, Any] = values.pop("shape")
        return shape | values

    @classmethod
    def from_json(cls, name: str, values: object) -> Self:
        """Read a record of unknown origin, without allocating anything for it.

        Args:
            name: Name of the layer, for the error text.
            values: What JSON gave.

        Returns:
            The record.

        Raises:
            SavedModelError: A value is missing, unknown, of another type or out of range.
        """
        fields = _Fields(f"layers[{name!r}]", values, _LAYER_KEYS)
        kind = fields.text("kind")
        locked = fields.values["locked"]
        if not isinstance(locked, list) or any(factor not in _FACTORS for factor in locked):
            raise SavedModelError(fields.refusal("locked", "a list of 'down' and 'up'"))
        if kind not in {"linear", "conv2d"} or (kind == "linear") != (
            fields.values["geometry"] is None
        ):
            raise SavedModelError(
                fields.refusal("kind", "'linear' without geometry or 'conv2d' with geometry")
            )
        geometry = None
        if kind == "conv2d":
            geometry = _geometry(
                _Fields(f"layers[{name!r}].geometry", fields.values["geometry"], _GEOMETRY_KEYS)
            )
        shape = LayerShape(
            cast("Literal['linear', 'conv2d']", kind),
            fields.integer("in_features"),
            fields.integer("out_features"),
            geometry,
        )
        rank = fields.integer("rank")
        if rank > min(shape.matrix):
            raise SavedModelError(fields.refusal("rank", f"a rank up to {min(shape.matrix)}"))
        return cls(shape, rank, fields.boolean("bias"), tuple(locked))

    def build(self, fresh: nn.Module) -> LowRankLayer:
        """Build the low-rank layer, with values still to be loaded, for a fresh layer's place."""
        weight = cast("torch.Tensor", fresh.weight)
        return self.shape.empty(self.rank, bias=self.bias, device=weight.device, dtype=weight.dtype)


def _geometry(fields: _Fields) -> ConvGeometry:
    padding = fields.values["padding"]
    return ConvGeometry(
        kernel_size=fields.pair("kernel_size", smallest=1),
        stride=fields.pair("stride", smallest=1),
        padding=padding if padding in ("same", "valid") else fields.pair("padding", smallest=0),
        dilation=fields.pair("dilation", smallest=1),
        padding_mode=cast("PaddingMode", fields.text("padding_mode")),
    )


class _Fields:
    """Typed access to a JSON object whose origin is unknown."""

    def __init__(self, place: str, values: object, keys: frozenset[str]) -> None:
        self.place = place
        if not isinstance(values, Mapping) or set(values) != keys:
            found = sorted(values) if isinstance(values, Mapping) else type(values).__name__
            raise SavedModelError(
                f"config.json: {place} is {found}, expected an object with {sorted(keys)}. "
                "Save the model again with save_model."
            )
        self.values = values

    def integer(self, key: str) -> int:
        value = self.values[key]
        if type(value) is not int or value < 1:
            raise SavedModelError(self.refusal(key, "a positive integer"))
        return value

    def boolean(self, key: str) -> bool:
        value = self.values[key]
        if type(value) is not bool:
            raise SavedModelError(self.refusal(key, "true or false"))
        return value

    def text(self, key: str) -> str:
        value = self.values[key]
        if type(value) is not str:
            raise SavedModelError(self.refusal(key, "a text"))
        return value

    def pair(self, key: str, smallest: int) -> Pair:
        value = self.values[key]
        is_pair = isinstance(value, list) and len(value) == 2
        if not is_pair or any(type(part) is not int or part < smallest for part in value):
            raise SavedModelError(self.refusal(key, f"two integers from {smallest}"))
        return value[0], value[1]

    def refusal(self, key: str, accepted: str) -> str:
        value = repr(self.values[key])[:60]
        return (
            f"config.json: {self.place}.{key} is {value}, expected {accepted}. "
            "Save the model again with save_model."
        )
