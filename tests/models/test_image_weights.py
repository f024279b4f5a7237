from __future__ import annotations

import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fairfactor.errors import ArgumentError, DataError, SavedModelError
from fairfactor.models.image_networks import build_image_network
from fairfactor.models.image_weights import (
    load_image_network,
    packaged_weights,
    read_checkpoint,
    trained_size,
)

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def resnet():
    return build_image_network("resnet18", 4, seed=0).eval()


def outputs(model):
    with torch.no_grad():
        return model.eval()(IMAGES)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_a_checkpoint_is_loaded_whole(tmp_path, resnet, ending):
    path = tmp_path / f"weights.{ending}"
    (torch.save if ending == "pth" else save_file)(resnet.state_dict(), path)
    loaded = load_image_network("resnet18", path)
    assert not loaded.training
    assert torch.equal(outputs(loaded), outputs(resnet))


def test_older_checkpoints_without_counts_of_batches_are_loaded(tmp_path, resnet):
    state = {k: v for k, v in resnet.state_dict().items() if "num_batches" not in k}
    torch.save(state, tmp_path / "old.pth")
    assert torch.equal(
        outputs(load_image_network("resnet18", tmp_path / "old.pth")), outputs(resnet)
    )


def test_nested_states_and_those_of_parallel_training_are_found(tmp_path, resnet):
    state = {f"module.{name}": tensor for name, tensor in resnet.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "nested.pth")
    found = read_checkpoint(tmp_path / "nested.pth")
    assert found.keys() == resnet.state_dict().keys()


def test_the_old_names_of_densenet_are_accepted(tmp_path):
    model = build_image_network("densenet121", 2, seed=0)
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): tensor
        for name, tensor in model.state_dict().items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert "features.norm0.weight" in old
    torch.save(old, tmp_path / "old.pth")
    loaded = load_image_network("densenet121", tmp_path / "old.pth")
    assert torch.equal(outputs(loaded), outputs(model))


def test_without_a_last_layer_the_outputs_are_its_inputs(tmp_path, resnet):
    state = {k: v for k, v in resnet.state_dict().items() if not k.startswith("fc.")}
    save_file(state, tmp_path / "body.safetensors")
    loaded = load_image_network("resnet18", tmp_path / "body.safetensors")
    assert isinstance(loaded.fc, nn.Identity)
    features = outputs(loaded)
    torch.testing.assert_close(features @ resnet.fc.weight.T + resnet.fc.bias, outputs(resnet))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("missing", r"tensors are missing \(1\), such as 'layer1.0.conv1.weight'"),
        ("extra", r"others are not in it \(1\), such as 'layer9.weight'"),
        ("shape", r"'conv1.weight' is \(64, 3, 3, 3\) and not \(64, 3, 7, 7\)"),
        ("half of the last layer", r"tensors are missing \(1\), such as 'fc.weight'"),
    ],
)
def test_what_does_not_fit_is_refused_on_one_line(tmp_path, resnet, change, cause):
    state = resnet.state_dict()
    if change == "missing":
        del state["layer1.0.conv1.weight"]
    elif change == "extra":
        state["layer9.weight"] = torch.zeros(1)
    elif change == "shape":
        state["conv1.weight"] = torch.zeros(64, 3, 3, 3)
    else:
        del state["fc.weight"]
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(SavedModelError, match=f"resnet18: {cause}.*one of resnet18, ") as error:
        load_image_network("resnet18", tmp_path / "weights.safetensors")
    assert "\n" not in str(error.value)


class Harmful:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("content", [Harmful(), [1, 2], {}, {"state_dict": {1: torch.zeros(1)}}])
def test_nothing_but_a_state_dict_is_loaded(tmp_path, capsys, content):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(SavedModelError, match=r"weights .* (more than tensors|no state dict)"):
        read_checkpoint(tmp_path / "weights.pth")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_missing_and_damaged_files_are_named(tmp_path, name):
    with pytest.raises(SavedModelError, match=rf"{name} cannot be read"):
        read_checkpoint(tmp_path / name)
    (tmp_path / name).write_bytes(b"no weights")
    with pytest.raises(SavedModelError, match=rf"{name} (cannot be read|hold more)"):
        read_checkpoint(tmp_path / name)


def test_without_weights_the_packages_that_ship_some_are_told():
    with pytest.raises(ArgumentError, match=r"resnet18, as no package.*or take efficientnet-lite0"):
        packaged_weights("resnet18")


@pytest.mark.parametrize(("name", "width"), [("efficientnet-lite0", 1000), ("mobilenet-v2", 1280)])
def test_the_weights_of_packages_load(name, width):
    try:
        packaged_weights(name)
    except DataError as error:
        pytest.skip(f"{error}, or all in requirements/models.txt")
    assert outputs(load_image_network(name)).shape == (2, width)


def test_the_size_in_training_is_read_where_it_is_told(tmp_path, resnet):
    state = resnet.state_dict()
    torch.save(state, tmp_path / "weights.pth")
    assert trained_size(tmp_path / "weights.pth") is None
    for told, size in (({"image_size": "80"}, 80), ({"image_size": "-1"}, None), (None, None)):
        save_file(state, tmp_path / "weights.safetensors", told)
        assert trained_size(tmp_path / "weights.safetensors") == size
