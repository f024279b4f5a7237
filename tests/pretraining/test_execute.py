from __future__ import annotations

import dataclasses
import json

import pandas as pd
import pytest
import torch
from tests.pretraining.coloured_images import CLASSES, write_images
from typer.testing import CliRunner

from fairfactor.cli.app import app
from fairfactor.errors import ArgumentError, DataError
from fairfactor.feature_extraction.images import image_extractor
from fairfactor.models.image_weights import load_image_network
from fairfactor.pretraining.execute import held_out_images, pretrain

pytest.importorskip("PIL", reason="pip install 'fairfactor[images]'")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("coloured"))


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    return pretrain(config, tmp_path_factory.mktemp("trained") / "out")


def test_weights_load_strictly_and_the_folder_tells_what_they_are_worth(finished, config):
    network = load_image_network("resnet18", finished.weights)
    assert network.fc.out_features == 3
    metrics = finished.metrics
    assert metrics["classes"] == list(CLASSES)
    assert metrics["class_counts"] == [16, 16, 16]
    assert metrics["parameters"] == sum(p.numel() for p in network.parameters())
    names = pd.Series([f"{number}.png" for number in range(48)])
    out = held_out_images(names, config)
    assert metrics["trained_on"] == int((~out).sum())
    assert [one["group"] for one in metrics["accuracies"]] == ["all", "a", "b"]
    assert metrics["accuracies"][0]["count"] == int(out.sum())
    assert sorted(path.name for path in finished.path.iterdir()) == [
        "README.md",
        "config.json",
        "metrics.json",
        "weights.safetensors",
    ]


def test_the_card_has_accuracies_of_groups_and_no_name_of_an_image_or_place(finished, config):
    card = finished.card.read_text("utf-8")
    assert "| group: a |" in card
    assert "95 %" in card
    assert (
        "fairfactor pretrain --images FOLDER --labels TABLE --data folder --target colour" in card
    )
    assert ".png" not in card
    assert config.images not in card + (finished.path / "config.json").read_text("utf-8")


def test_an_extractor_gives_the_network_images_of_the_size_that_it_was_trained_with(finished):
    assert image_extractor("resnet18", weights=finished.weights).size == 32
    assert image_extractor("resnet18", weights=finished.weights, size=64).size == 64


def test_a_second_call_finds_the_weights(finished, config):
    before = finished.weights.stat().st_mtime_ns
    again = pretrain(config, finished.path, on_epoch=pytest.fail)
    assert again == finished
    assert finished.weights.stat().st_mtime_ns == before


def test_another_training_is_not_overwritten_unless_asked(finished, config, tmp_path):
    other = dataclasses.replace(config, epochs=1, held_out=0.3)
    with pytest.raises(ArgumentError, match=r"^out=.*--overwrite"):
        pretrain(other, finished.path)
    (tmp_path / "letter.txt").write_text("mine", "utf-8")
    with pytest.raises(ArgumentError, match=r"letter\.txt"):
        pretrain(other, tmp_path, overwrite=True)
    assert (tmp_path / "letter.txt").exists()


def test_an_interrupted_command_goes_on_with_the_same_result(finished, config, tmp_path):
    def stop():
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt, match="--resume"):
        pretrain(config, out, on_epoch=stop)
    assert not out.exists()
    resumed = pretrain(config, out, resume=True)
    assert resumed.weights.read_bytes() == finished.weights.read_bytes()
    assert list(tmp_path.iterdir()) == [out]


def test_held_out_images_depend_on_nothing_but_their_names_and_the_seed(config):
    names = pd.Series([f"{number}.jpg" for number in range(2000)])
    out = held_out_images(names, config)
    assert abs(out.mean() - 0.4) < 0.04
    assert held_out_images(names[::-3], config).equals(out[::-3])
    assert not held_out_images(names, dataclasses.replace(config, seed=1)).equals(out)


def one_class(config, folder):
    table = pd.read_csv(config.labels).assign(colour="red")
    table.to_csv(folder / "labels.csv", index=False)
    return dataclasses.replace(config, labels=str(folder / "labels.csv"))


def test_targets_and_devices_that_cannot_be_used(config, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="nothing"):
        pretrain(dataclasses.replace(config, target="nothing"), tmp_path / "a")
    with pytest.raises(DataError, match="1 different values, expected 2"):
        pretrain(dataclasses.replace(one_class(config, tmp_path), target="colour"), tmp_path / "a")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ArgumentError, match=r"^device='cuda'.*no GPU"):
        pretrain(dataclasses.replace(config, device="cuda"), tmp_path / "b")


def test_the_command_prints_what_it_made(config, tmp_path):
    options = config.to_dict() | {"epochs": 1}
    line = ["pretrain", "--json", "--out", str(tmp_path / "out")]
    for name, value in options.items():
        if value is not None:
            text = ",".join(value) if isinstance(value, list) else str(value)
            line += [f"--{name.replace('_', '-')}", text]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["weights"] == str(tmp_path / "out" / "weights.safetensors")
    assert printed["accuracies"][0]["group"] == "all"
