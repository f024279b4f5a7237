from __future__ import annotations

import copy
import dataclasses

import pytest
import torch

from fairfactor.errors import DataError, TrainingError
from fairfactor.models.image_networks import build_image_network
from fairfactor.pretraining.config import PretrainConfig
from fairfactor.pretraining.training import (
    LabelledImages,
    fit,
    predict_classes,
    size_of_epoch,
    train_network,
)
from fairfactor.surgery import freeze_except

CONFIG = PretrainConfig(
    root="", size=32, epochs=3, batch_size=8, learning_rate=0.02, architecture="mobilenet-v2"
)


def dark_and_bright(count):
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(count) % 2
    pixels = torch.randint(0, 100, (count, 3, 32, 32), generator=generator)
    pixels[targets == 1] += 120
    return LabelledImages(pixels.to(torch.uint8), targets)


@pytest.fixture(scope="module")
def images():
    return dark_and_bright(20)


def state(network):
    return torch.cat([tensor.flatten().double() for tensor in network.state_dict().values()])


@pytest.fixture(scope="module")
def trained(images):
    return train_network(images, 2, CONFIG)


def test_the_same_configuration_gives_the_same_weights(images, trained):
    before = torch.get_rng_state()
    network, losses = train_network(images, 2, CONFIG)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(state(network), state(trained[0]))
    assert losses == trained[1]
    assert not network.training
    other, _ = train_network(images, 2, dataclasses.replace(CONFIG, seed=1))
    assert not torch.equal(state(other), state(network))


def test_an_interrupted_training_ends_in_the_same_weights(tmp_path, images, trained):
    file = tmp_path / "state.safetensors"
    epochs = []

    def stop():
        epochs.append(1)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_network(images, 2, CONFIG, state=file, on_epoch=stop)
    seen = []
    network, losses = train_network(images, 2, CONFIG, state=file, on_epoch=lambda: seen.append(1))
    assert torch.equal(state(network), state(trained[0]))
    assert losses == trained[1]
    assert len(seen) == 3


def test_a_damaged_state_starts_again(tmp_path, images, trained):
    file = tmp_path / "state.safetensors"
    file.write_bytes(b"damaged")
    network, _ = train_network(images, 2, CONFIG, state=file)
    assert torch.equal(state(network), state(trained[0]))


def test_it_learns():
    images = dark_and_bright(128)
    config = dataclasses.replace(CONFIG, epochs=5, batch_size=16, architecture="resnet18")
    network, losses = train_network(images, 2, config)
    assert losses[-1] < losses[0]
    right = predict_classes(network, images.pixels, config) == images.targets
    assert right.float().mean() >= 0.9


def test_half_precision_trains_too(images):
    _, losses = train_network(images, 2, dataclasses.replace(CONFIG, precision="bfloat16"))
    assert all(0 < loss < 5 for loss in losses)


def test_images_grow_to_their_full_size():
    config = PretrainConfig(root="", size=96, epochs=20)
    sizes = [size_of_epoch(config, epoch) for epoch in range(20)]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[11], sizes[12], sizes[-1]) == (48, 48, 72, 96)
    assert sizes.count(96) == 3
    assert size_of_epoch(PretrainConfig(root="", size=100, epochs=1), 0) == 100
    assert size_of_epoch(PretrainConfig(root="", size=40, epochs=9), 0) == 32


def test_too_few_images_and_infinite_losses_are_told(images):
    with pytest.raises(DataError, match=r"20 images to train on, fewer than batch_size=64"):
        train_network(images, 2, dataclasses.replace(CONFIG, batch_size=64))
    with pytest.raises(TrainingError, match=r"epoch \d is not finite.*--learning-rate"):
        train_network(images, 2, dataclasses.replace(CONFIG, learning_rate=1e30))


def test_what_is_frozen_keeps_its_weights_and_statistics(images):
    network = build_image_network("resnet18", 2, seed=0)
    freeze_except(network, ["layer4", "fc"])
    before = copy.deepcopy(network.state_dict())
    fit(network, images, CONFIG, [32])
    changed = {
        name.partition(".")[0]
        for name, tensor in network.state_dict().items()
        if not torch.equal(tensor, before[name])
    }
    assert changed == {"layer4", "fc"}
    assert not network.training
