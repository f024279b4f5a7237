from __future__ import annotations

import json

import pytest
import torch

from fairfactor.errors import SavedModelError
from fairfactor.surgery import LowRankConv2d, LowRankLinear, lock
from fairfactor.surgery.record import LayerRecord

LAYERS = [
    LowRankLinear(6, 4, 2),
    LowRankLinear(6, 4, 1, bias=False),
    LowRankConv2d(3, 8, 5, kernel_size=(3, 1), stride=(2, 1), padding="valid", bias=False),
    LowRankConv2d(3, 8, 5, kernel_size=(3, 3), padding=(2, 1), padding_mode="reflect"),
]


@pytest.mark.parametrize("layer", LAYERS)
def test_json_round_trip(layer: LowRankLinear | LowRankConv2d) -> None:
    record = LayerRecord.of(layer)
    assert LayerRecord.from_json("fc", json.loads(json.dumps(record.to_json()))) == record


def test_locked_factors() -> None:
    layer = LowRankLinear(6, 4, 2)
    lock(layer, "down")
    assert LayerRecord.of(layer).locked == ("down",)
    layer.requires_grad_(False)
    assert LayerRecord.of(layer).locked == ("down", "up")


@pytest.mark.parametrize("layer", LAYERS)
def test_build_has_the_sizes(layer: LowRankLinear | LowRankConv2d) -> None:
    fresh = layer.merged().to(torch.bfloat16)
    built = LayerRecord.of(layer).build(fresh)
    assert {name: value.shape for name, value in built.state_dict().items()} == {
        name: value.shape for name, value in layer.state_dict().items()
    }
    assert {value.dtype for value in built.state_dict().values()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"rank": 10**9}, r"layers\['fc'\]\.rank is 1000000000, expected a rank up to 4"),
        ({"rank": 0}, "positive integer"),
        ({"rank": True}, "positive integer"),
        ({"rank": 2.0}, "positive integer"),
        ({"rank": "2"}, "positive integer"),
        ({"in_features": -6}, "positive integer"),
        ({"out_features": None}, "positive integer"),
        ({"bias": 1}, "true or false"),
        ({"kind": "linear9"}, "kind is 'linear9'"),
        ({"kind": ["linear"]}, "a text"),
        ({"kind": "conv2d"}, "'conv2d' with geometry"),
        ({"locked": ["left"]}, "'down' and 'up'"),
        ({"locked": "down"}, "'down' and 'up'"),
        ({"locked": [["down"]]}, "'down' and 'up'"),
        ({"geometry": {}}, "without geometry"),
        ({"surprise": 1}, "expected an object with"),
    ],
)
def test_refuses_values(changes: dict[str, object], text: str) -> None:
    values = json.loads(json.dumps(LayerRecord.of(LAYERS[0]).to_json())) | changes
    with pytest.raises(SavedModelError, match=text):
        LayerRecord.from_json("fc", values)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kernel_size": [3]}, "two integers from 1"),
        ({"kernel_size": [0, 3]}, "two integers from 1"),
        ({"stride": [1, True]}, "two integers from 1"),
        ({"padding": "most"}, "two integers from 0"),
        ({"padding": [-1, 0]}, "two integers from 0"),
        ({"dilation": 1}, "two integers from 1"),
        ({"padding_mode": 3}, "a text"),
        ({"groups": 2}, r"layers\['fc'\]\.geometry is"),
    ],
)
def test_refuses_geometries(changes: dict[str, object], text: str) -> None:
    values = json.loads(json.dumps(LayerRecord.of(LAYERS[3]).to_json()))
    values["geometry"] |= changes
    with pytest.raises(SavedModelError, match=text):
        LayerRecord.from_json("fc", values)


@pytest.mark.parametrize("values", [None, [], 3, "linear", {}, {"kind": "linear"}])
def test_refuses_what_is_no_record(values: object) -> None:
    with pytest.raises(SavedModelError, match="expected an object with"):
        LayerRecord.from_json("fc", values)
