"""Selection of layers and the arrangement of what they read as positions."""

from __future__ import annotations

import pytest
from tests.importance.small_models import deep_mlp
from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.importance import select_layers
from fairfactor.importance.layers import layer_shape


class Encoder(nn.Module):
    """Blocks, an attention whose output projection is never called, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([deep_mlp(), deep_mlp()])
        self.convolution = nn.Conv2d(3, 4, 3)
        self.grouped = nn.Conv2d(4, 4, 3, groups=2)
        self.classifier = nn.Linear(7, 3)
        self.attention = nn.MultiheadAttention(4, 2)


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ("head", ["classifier"]),
        ("classifier", ["classifier"]),
        (["head", "blocks.0.0"], ["blocks.0.0", "classifier"]),
        ("blocks.*.4", ["blocks.0.4", "blocks.1.4"]),
        ("blocks.[1].?", ["blocks.1.0", "blocks.1.2", "blocks.1.4"]),
        ("convolution", ["convolution"]),
        ("*cla*", ["classifier"]),
        (["conv*", "head", "classifier"], ["convolution", "classifier"]),
    ],
)
def test_selections(layers: str | list[str], names: list[str]) -> None:
    assert list(select_layers(Encoder(), layers)) == names


def test_all_linear_leaves_out_convolutions_and_uncalled_projections() -> None:
    assert list(select_layers(Encoder(), "all-linear")) == [
        *(f"blocks.{block}.{index}" for block in (0, 1) for index in (0, 2, 4)),
        "classifier",
    ]


def test_layer_named_head_goes_first() -> None:
    model = nn.ModuleDict({"head": nn.Linear(3, 2), "auxiliary": nn.Linear(3, 2)})
    assert list(select_layers(model, "head")) == ["head"]


def test_model_that_is_a_layer() -> None:
    layer = nn.Linear(3, 2)
    assert select_layers(layer, "head") == {"": layer}


def test_layer_with_two_names_is_found_under_each() -> None:
    layer = nn.Linear(3, 3)
    model = nn.ModuleDict({"first": layer, "second": layer})
    assert select_layers(model, "second") == {"second": layer}
    assert select_layers(model, "all-linear") == {"first": layer}


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "at least one"),
        ("encoder.*", r"The model has 'blocks\.0\.0', .*, 'classifier'\."),
        ("attention", "it is MultiheadAttention"),
        ("attention.out_proj", "it is NonDynamicallyQuantizableLinear"),
        ("group*", "without channel groups.* The model has"),
        ("blocks", r"Its layers match 'blocks\.\*'"),
    ],
)
def test_refusals(layers: str | list[str], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        select_layers(Encoder(), layers)


def test_channel_groups_are_found_by_name_only() -> None:
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1, groups=2))
    assert list(select_layers(model, "*")) == ["0"]
    assert list(select_layers(model, ["*", "1"])) == ["0", "1"]


@pytest.mark.parametrize("layers", ["head", "all-linear", "anything"])
def test_model_without_a_layer_is_refused(layers: str) -> None:
    with pytest.raises(ArgumentError, match="no supported layer"):
        select_layers(nn.ReLU(), layers)


def test_transposed_linear_layer_of_transformers() -> None:
    utilities = pytest.importorskip("transformers.pytorch_utils")
    layer = utilities.Conv1D(2, 5)
    assert layer_shape(layer) == (5, 2)
    assert select_layers(nn.Sequential(nn.Linear(5, 5), layer), "head") == {"1": layer}
