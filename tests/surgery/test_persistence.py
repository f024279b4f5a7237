from __future__ import annotations

import copy
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tests.limits import largest_file, posix
from tests.surgery.examples import Conv1D, Tied, images, perceptron, truncated
from torch import Tensor, nn

import fairfactor
from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.surgery import (
    LowRankLinear,
    load_model,
    lock,
    read_saved_config,
    replace_layer,
    save_model,
    weight_matrix,
)
from fairfactor.surgery.saved_config import sha256
from fairfactor.surgery.tensors import digest


def operate(model: nn.Module, **ranks: int) -> nn.Module:
    """Replace layers, given as `_0=3` for rank 3 of layer "0"."""
    for name, rank in ranks.items():
        layer = model.get_submodule(name.lstrip("_"))
        replace_layer(model, name.lstrip("_"), truncated(weight_matrix(layer), rank))
    return model


def forge(folder: Path, edit: Callable[[dict], None] = lambda config: None, **tensors: Tensor):
    """Change a saved model and recompute its digests, as only an attacker would."""
    config = json.loads((folder / "config.json").read_text())
    stored = load_file(folder / "model.safetensors")
    stored = {name: value.clone() for name, value in stored.items()} | tensors
    config["tensors_sha256"] = digest(stored)
    edit(config)
    data = json.dumps(config).encode()
    (folder / "config.json").write_bytes(data)
    save_file(stored, folder / "model.safetensors", {"config_sha256": sha256(data)})


def snapshot(model: nn.Module) -> tuple[str, dict[str, Tensor]]:
    return repr(model), {name: value.clone() for name, value in model.state_dict().items()}


def unchanged(model: nn.Module, before: tuple[str, dict[str, Tensor]]) -> bool:
    after = snapshot(model)
    return after[0] == before[0] and all(
        torch.equal(value, before[1][name]) for name, value in after[1].items()
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(operate(perceptron(), _0=3, _2=2), tmp_path / "saved", extra={"task": "adult"})
    return tmp_path / "saved"


class TestRoundTrip:
    def test_low_rank_layers(self, folder: Path) -> None:
        saved, loaded = operate(perceptron(), _0=3, _2=2), perceptron(seed=1)
        assert load_model(loaded, folder) is loaded
        inputs = torch.randn(5, 12)
        assert torch.equal(loaded(inputs), saved(inputs))
        assert isinstance(loaded[0], LowRankLinear)
        assert {entry.name for entry in folder.iterdir()} == {"config.json", "model.safetensors"}

    def test_convolution_and_buffers(self, tmp_path: Path) -> None:
        saved = operate(images(), _0=4, _4=2)
        inputs = torch.randn(4, 3, 5, 5)
        saved(inputs)  # moves the running mean
        saved.eval()
        save_model(saved, tmp_path / "saved")
        loaded = load_model(images(seed=1), tmp_path / "saved").eval()
        assert torch.equal(loaded(inputs), saved(inputs))

    def test_conv1d_of_transformers(self, tmp_path: Path) -> None:
        saved = operate(nn.Sequential(Conv1D(9, 9)), _0=2)
        save_model(saved, tmp_path / "saved")
        loaded = load_model(nn.Sequential(Conv1D(9, 9)), tmp_path / "saved")
        assert torch.equal(loaded(torch.ones(1, 9)), saved(torch.ones(1, 9)))

    def test_tied_weights_stay_tied_and_are_stored_once(self, tmp_path: Path) -> None:
        saved = operate(Tied(), hidden=2)
        save_model(saved, tmp_path / "saved")
        assert "output.weight" not in load_file(tmp_path / "saved" / "model.safetensors")
        loaded = load_model(Tied(), tmp_path / "saved")
        assert loaded.output.weight is loaded.embedding.weight
        tokens = torch.arange(7)
        assert torch.equal(loaded(tokens), saved(tokens))

    def test_tied_weights_into_an_untied_model(self, tmp_path: Path) -> None:
        saved, loaded = Tied(), Tied()
        save_model(saved, tmp_path / "saved")
        loaded.output.weight = nn.Parameter(torch.zeros(7, 6))
        load_model(loaded, tmp_path / "saved")
        assert torch.equal(loaded(torch.arange(7)), saved(torch.arange(7)))

    def test_overlapping_views(self, tmp_path: Path) -> None:
        storage = torch.arange(4.0)
        saved = nn.Module()
        saved.register_buffer("whole", storage)
        saved.register_buffer("part", storage[:2])
        save_model(saved, tmp_path / "saved")
        loaded = nn.Module()
        loaded.register_buffer("whole", torch.zeros(4))
        loaded.register_buffer("part", torch.zeros(2))
        load_model(loaded, tmp_path / "saved")
        assert loaded.whole.tolist() == [0, 1, 2, 3]
        assert loaded.part.tolist() == [0, 1]

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_dtypes(self, tmp_path: Path, dtype: torch.dtype) -> None:
        saved = operate(perceptron().to(dtype), _0=3)
        save_model(saved, tmp_path / "saved")
        loaded = load_model(perceptron(seed=1).to(dtype), tmp_path / "saved")
        assert all(map(torch.equal, loaded.state_dict().values(), saved.state_dict().values()))

    def test_a_bias_that_surgery_added(self, tmp_path: Path) -> None:
        def build() -> nn.Sequential:
            return nn.Sequential(nn.Linear(9, 9, bias=False))

        saved = build()
        replace_layer(saved, "0", truncated(saved[0].weight, 2, torch.arange(9.0)))
        save_model(saved, tmp_path / "saved")
        assert torch.equal(load_model(build(), tmp_path / "saved")[0].bias, torch.arange(9.0))

    def test_locked_factors(self, tmp_path: Path) -> None:
        saved = operate(perceptron(), _0=3, _2=2)
        lock(saved[0], "down")
        lock(saved[2], "up")
        save_model(saved, tmp_path / "saved")
        loaded = load_model(perceptron(), tmp_path / "saved")
        assert {name for name, value in loaded.named_parameters() if not value.requires_grad} == {
            "0.down.weight",
            "2.up.weight",
        }

    def test_without_surgery(self, tmp_path: Path) -> None:
        save_model(perceptron(), tmp_path / "saved")
        loaded = load_model(perceptron(seed=1), tmp_path / "saved")
        assert torch.equal(loaded(torch.ones(1, 12)), perceptron()(torch.ones(1, 12)))

    def test_into_a_model_after_the_same_surgery(self, folder: Path) -> None:
        loaded = operate(perceptron(seed=1), _0=3, _2=2)
        load_model(loaded, folder)
        saved = operate(perceptron(), _0=3, _2=2)
        assert torch.equal(loaded(torch.ones(1, 12)), saved(torch.ones(1, 12)))

    def test_a_low_rank_layer_alone(self, tmp_path: Path) -> None:
        saved, loaded = LowRankLinear(6, 4, 2), LowRankLinear(6, 4, 2)
        save_model(saved, tmp_path / "saved")
        load_model(loaded, tmp_path / "saved")
        assert torch.equal(loaded(torch.ones(6)), saved(torch.ones(6)))
        with pytest.raises(SavedModelError, match=r"nn\.Sequential\(model\)"):
            load_model(nn.Linear(6, 4), tmp_path / "saved")

    def test_keeps_device_mode_and_requires_grad_of_the_model(self, folder: Path) -> None:
        loaded = perceptron().eval().requires_grad_(False)
        load_model(loaded, folder)
        assert not any(module.training for module in loaded.modules())
        assert not any(parameter.requires_grad for parameter in loaded.parameters())

    def test_config(self, folder: Path) -> None:
        config = read_saved_config(folder)
        assert config.extra == {"task": "adult"}
        assert config.fairfactor_version == fairfactor.__version__
        assert {name: record.rank for name, record in config.layers.items()} == {"0": 3, "2": 2}

    def test_twice_gives_the_same_bytes(self, folder: Path, tmp_path: Path) -> None:
        save_model(load_model(perceptron(), folder), tmp_path / "b", extra={"task": "adult"})
        for name in ("config.json", "model.safetensors"):
            assert (folder / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


class TestSaving:
    def test_replaces_an_earlier_save(self, folder: Path) -> None:
        save_model(perceptron(), folder)
        assert not read_saved_config(folder).layers

    def test_refuses_a_folder_with_other_files(self, tmp_path: Path) -> None:
        (tmp_path / "data.csv").touch()
        with pytest.raises(ArgumentError, match=r"holds 'data\.csv'"):
            save_model(perceptron(), tmp_path)

    @posix
    def test_full_disk_leaves_the_old_model(self, folder: Path) -> None:
        before = (folder / "model.safetensors").read_bytes()
        with largest_file(1500), pytest.raises(ArgumentError, match=r"^folder=.*too large"):
            save_model(nn.Linear(100, 100), folder)
        assert (folder / "model.safetensors").read_bytes() == before
        assert [entry.name for entry in folder.parent.iterdir()] == ["saved"]
        load_model(perceptron(), folder)

    def test_asks_for_space_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100}))
        with pytest.raises(ArgumentError, match="bytes of free space, but its disk has 100"):
            save_model(perceptron(), tmp_path / "saved")

    @posix
    def test_permissions_are_the_usual_ones(self, folder: Path) -> None:
        (folder.parent / "usual").touch()
        usual = stat.S_IMODE((folder.parent / "usual").stat().st_mode)
        for name in ("config.json", "model.safetensors"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == usual

    def test_refuses_extra_that_is_no_json(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match=r"^extra="):
            save_model(perceptron(), tmp_path / "saved", extra={"a": float("nan")})
        assert not (tmp_path / "saved").exists()

    def test_saving_changes_nothing(self, tmp_path: Path) -> None:
        model = operate(perceptron(), _0=3)
        before = snapshot(model)
        save_model(model, tmp_path / "saved")
        assert unchanged(model, before)


class TestMismatch:
    """Another architecture is refused by name, and left as it was."""

    @pytest.mark.parametrize(
        ("build", "text"),
        [
            (lambda: nn.Sequential(nn.Linear(13, 10)), r"'0' is .*in_features=13.*in_features=12"),
            (lambda: nn.Sequential(nn.ReLU()), r"does not fit the model: 0=ReLU"),
            (lambda: nn.Sequential(nn.Linear(12, 10)), r"does not fit the model: name='2'"),
            (
                lambda: nn.Sequential(*perceptron()[:4], nn.Linear(8, 5)),
                r"'4\.weight' has shape \(5, 8\) in the model and \(3, 8\)",
            ),
            (
                lambda: nn.Sequential(*perceptron()[:4]),
                r"'4\.bias', '4\.weight' saved are not in it",
            ),
            (
                lambda: nn.Sequential(*perceptron(), nn.BatchNorm1d(3)),
                r"it needs '5\.bias', '5\.num_batches_tracked', '5\.running_mean' and 2 more",
            ),
            (lambda: perceptron().double(), r"float64 in the model and torch\.float32"),
            (lambda: operate(perceptron(), _0=2), r"low-rank already, .*rank=2.*saved is .*rank=3"),
            (lambda: operate(perceptron(), _4=1), r"'4\.down\.weight'"),
            (
                lambda: operate(
                    nn.Sequential(nn.Linear(12, 10, bias=False), *perceptron()[1:]), _0=3
                ),
                "low-rank already, .*bias=False",
            ),
        ],
    )
    def test_refused(self, folder: Path, build: Callable[[], nn.Module], text: str) -> None:
        model = build()
        before = snapshot(model)
        with pytest.raises(SavedModelError, match=text):
            load_model(model, folder)
        assert unchanged(model, before)

    def test_no_bias_was_saved(self, tmp_path: Path) -> None:
        save_model(operate(nn.Sequential(nn.Linear(9, 9, bias=False)), _0=2), tmp_path / "saved")
        with pytest.raises(SavedModelError, match=r"with bias=True, saved is .*with bias=False"):
            load_model(nn.Sequential(nn.Linear(9, 9)), tmp_path / "saved")

    def test_another_geometry(self, tmp_path: Path) -> None:
        save_model(operate(images(), _0=4), tmp_path / "saved")
        model = nn.Sequential(nn.Conv2d(3, 10, 3, stride=2, padding="valid"), *images()[1:])
        with pytest.raises(SavedModelError, match=r"padding='valid'.*padding=\(1, 1\)"):
            load_model(model, tmp_path / "saved")

    def test_a_tied_model_for_untied_weights(self, tmp_path: Path) -> None:
        saved = Tied()
        saved.output.weight = nn.Parameter(torch.zeros(7, 6))
        save_model(saved, tmp_path / "saved")
        model = Tied()
        before = snapshot(model)
        with pytest.raises(SavedModelError, match=r"are tied in the model and differ"):
            load_model(model, tmp_path / "saved")
        assert unchanged(model, before)

    def test_a_tied_layer_where_surgery_was_done(self, tmp_path: Path) -> None:
        untied = Tied()
        untied.output.weight = nn.Parameter(torch.ones(7, 6))
        save_model(operate(untied, output=2), tmp_path / "saved")
        with pytest.raises(SavedModelError, match=r"shares one with 'embedding\.weight'"):
            load_model(Tied(), tmp_path / "saved")


class TestDamage:
    """Whatever happens to the two files, a wrong model is never returned."""

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
    def test_missing_file(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        with pytest.raises(SavedModelError, match=rf"{name} cannot be read"):
            load_model(perceptron(), folder)

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(SavedModelError, match="Name a folder that save_model wrote"):
            read_saved_config(tmp_path / "nowhere")

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
    def test_every_changed_byte(self, folder: Path, name: str) -> None:
        path, model = folder / name, perceptron()
        data = path.read_bytes()
        padding = {position for position in range(len(data)) if data[position] == ord(" ")}
        for position in range(0, len(data), 1 if len(data) < 2000 else 3):
            changed = bytearray(data)
            changed[position] ^= 1 + position % 255
            path.write_bytes(changed)
            try:
                load_model(copy.deepcopy(model), folder)
            except SavedModelError:
                continue
            assert name == "model.safetensors"
            assert position in padding  # the header may be filled up with any white space

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
    def test_every_truncation(self, folder: Path, name: str) -> None:
        path, model = folder / name, perceptron()
        data = path.read_bytes()
        for size in range(0, len(data), 7):
            path.write_bytes(data[:size])
            with pytest.raises(SavedModelError):
                load_model(model, folder)
        path.write_bytes(data + b"\0")
        with pytest.raises(SavedModelError):
            load_model(model, folder)

    def test_a_changed_number_in_the_config(self, folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(path.read_text().replace('"adult"', '"acs"'))
        with pytest.raises(SavedModelError, match=r"config\.json was altered.*Restore"):
            load_model(perceptron(), folder)

    def test_a_changed_number_in_the_tensors(self, folder: Path) -> None:
        path = folder / "model.safetensors"
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        tensors = {name: value.clone() for name, value in load_file(path).items()}
        tensors["4.bias"][0] += 1e-6
        save_file(tensors, path, metadata)
        with pytest.raises(SavedModelError, match=r"model\.safetensors was altered.*Restore"):
            load_model(perceptron(), folder)

    def test_files_of_two_saves(self, folder: Path, tmp_path: Path) -> None:
        save_model(operate(perceptron(seed=1), _0=3, _2=2), tmp_path / "other")
        (tmp_path / "other" / "config.json").replace(folder / "config.json")
        with pytest.raises(SavedModelError, match="belongs to another"):
            load_model(perceptron(), folder)

    def test_a_huge_config_is_not_read(self, folder: Path) -> None:
        with (folder / "config.json").open("r+b") as file:
            file.truncate(2**40 if sys.platform == "linux" else 2**27)
        with pytest.raises(SavedModelError, match="too large to be a config"):
            read_saved_config(folder)


class TestForgery:
    """With digests recomputed, values are still checked before anything is allocated."""

    @pytest.mark.parametrize("rank", [10**9, 10**30])
    def test_rank(self, folder: Path, rank: int) -> None:
        forge(folder, lambda config: config["layers"]["0"].update(rank=rank))
        with pytest.raises(SavedModelError, match="expected a rank up to 10"):
            load_model(perceptron(), folder)

    def test_all_sizes_at_once(self, folder: Path) -> None:
        huge = {"rank": 10**9, "in_features": 10**9, "out_features": 10**9}
        forge(folder, lambda config: config["layers"]["0"].update(huge))
        with pytest.raises(SavedModelError, match="Build the architecture that was saved"):
            load_model(perceptron(), folder)

    def test_another_rank_than_the_tensors_have(self, folder: Path) -> None:
        model = perceptron()
        before = snapshot(model)
        forge(folder, lambda config: config["layers"]["0"].update(rank=4))
        with pytest.raises(SavedModelError, match=r"'0\.down\.weight' has shape \(4, 12\)"):
            load_model(model, folder)
        assert unchanged(model, before)

    @pytest.mark.parametrize("name", ["", "7", "0.weight", "0..1", ".", "__class__", "0.down"])
    def test_layer_names(self, folder: Path, name: str) -> None:
        model = perceptron()
        before = snapshot(model)
        forge(folder, lambda config: config["layers"].update({name: config["layers"]["0"]}))
        with pytest.raises(SavedModelError):
            load_model(model, folder)
        assert unchanged(model, before)

    def test_aliases_to_nowhere(self, folder: Path) -> None:
        forge(folder, lambda config: config["aliases"].update({"4.bias": "4.bia"}))
        with pytest.raises(SavedModelError, match=r"aliases name no tensor '4\.bia'"):
            load_model(perceptron(), folder)

    def test_unknown_version(self, folder: Path) -> None:
        forge(folder, lambda config: config.update(format_version=2))
        for read in (read_saved_config, lambda path: load_model(perceptron(), path)):
            with pytest.raises(SavedModelError, match=r"format_version is 2.*reads version 1"):
                read(folder)

    def test_tensors_of_another_shape(self, folder: Path) -> None:
        forge(folder, **{"4.bias": torch.zeros(4)})
        with pytest.raises(SavedModelError, match=r"'4\.bias' has shape \(3,\).*\(4,\)"):
            load_model(perceptron(), folder)

    def test_forging_without_a_change_loads(self, folder: Path) -> None:
        forge(folder)
        load_model(perceptron(), folder)
