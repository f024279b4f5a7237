from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.hugging_face.tiny import make_folder

from fairfactor.errors import ArgumentError
from fairfactor.hugging_face.tiny import tiny_folder


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    state = torch.random.get_rng_state()
    one, other = (load_file(make_folder(tmp_path / n) / "model.safetensors") for n in "ab")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(one[name], other[name]) for name in one)
    third = load_file(tiny_folder(tmp_path / "c", ["some words"], seed=1) / "model.safetensors")
    name = "encoder.layer.0.output.dense.weight"
    assert not torch.equal(one[name], third[name])


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="one of bert, distilbert, roberta, xlm-roberta, gpt2"):
        tiny_folder(tmp_path, ["words"], kind="t5")  # type: ignore[arg-type]
