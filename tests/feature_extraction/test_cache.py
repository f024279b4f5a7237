from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tests.feature_extraction.fake_extractor import FakeExtractor
from tests.limits import largest_file, posix
from torch import nn

from fairfactor.errors import ArgumentError, DataError, SavedModelError
from fairfactor.feature_extraction.cache import FeatureCache
from fairfactor.surgery.tensors import digest

VALUES = [f"{i:04d}" for i in range(10)]


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features", shard_rows=4, batch_rows=3)


@pytest.fixture
def extractor() -> FakeExtractor:
    return FakeExtractor()


def files(cache: FeatureCache) -> list[Path]:
    return sorted(cache.folder.rglob("*.safetensors"))


def recomputed(cache: FeatureCache, extractor: FakeExtractor, values: list[str]) -> list[str]:
    """What the extractor is asked for; the result must be that without a cache."""
    extractor.computed = []
    found = cache.features(extractor, values)
    asked = list(extractor.computed)
    with torch.no_grad():
        assert torch.allclose(found, extractor.features(values), rtol=1e-6, atol=0)
    return asked


class TestReuse:
    def test_computes_once(self, cache: FeatureCache, extractor: FakeExtractor) -> None:
        assert recomputed(cache, extractor, VALUES) == VALUES
        assert recomputed(cache, extractor, VALUES) == []
        assert recomputed(FeatureCache(cache.folder, 4), FakeExtractor(), VALUES) == []

    def test_second_time_is_bit_identical(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        first = cache.features(extractor, VALUES)
        assert torch.equal(first, cache.features(extractor, VALUES))
        assert first.dtype == torch.float32
        assert not first.requires_grad

    def test_new_rows_cost_their_shards(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.features(extractor, VALUES)
        assert recomputed(cache, extractor, [*VALUES, "more"]) == ["0008", "0009", "more"]
        assert recomputed(cache, extractor, VALUES[:8]) == []

    def test_a_changed_file_costs_its_shard(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.features(extractor, VALUES)
        extractor.meanings["0005"] = "other content of the same file"
        assert recomputed(cache, extractor, VALUES) == VALUES[4:8]

    def test_other_weights_are_another_extractor(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.features(extractor, VALUES)
        with torch.no_grad():
            extractor.layer.bias[0] += 1e-3
        assert recomputed(cache, extractor, VALUES) == VALUES

    def test_other_preprocessing_is_another_extractor(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.features(extractor, VALUES)
        extractor.scale = 2.0
        assert recomputed(cache, extractor, VALUES) == VALUES

    def test_another_version_computes_again(
        self, cache: FeatureCache, extractor: FakeExtractor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.features(extractor, VALUES)
        monkeypatch.setattr("fairfactor.__version__", "another")
        assert recomputed(cache, extractor, VALUES) == VALUES

    def test_joined_fingerprints_are_not_confused(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.features(extractor, ["ab", "c"])
        assert recomputed(cache, extractor, ["a", "bc"]) == ["a", "bc"]

    def test_no_rows(self, cache: FeatureCache, extractor: FakeExtractor) -> None:
        assert cache.features(extractor, []).shape == (0, 3)
        assert not cache.folder.exists()


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def plant(path: Path, features: torch.Tensor) -> None:
    """Replace the features under the right key and with a digest that fits."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = {"features": features}
    save_file(tensors, path, {**metadata, "digest": digest(tensors)})


class TestDamage:
    def test_every_flipped_byte_is_noticed(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        expected = cache.features(extractor, VALUES[:4])
        [path] = files(cache)
        content = path.read_bytes()
        for position, byte in enumerate(content):
            flip(path, position)
            extractor.computed = []
            assert torch.equal(cache.features(extractor, VALUES[:4]), expected)
            filler = byte == ord(" ")  # the header may end in blanks, which mean nothing
            assert extractor.computed == VALUES[:4] or filler
            path.write_bytes(content)

    def test_every_truncation_is_noticed(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.features(extractor, VALUES[:4])
        [path] = files(cache)
        content = path.read_bytes()
        for size in range(0, len(content), 5):
            path.write_bytes(content[:size])
            assert recomputed(cache, extractor, VALUES[:4]) == VALUES[:4]

    def test_shards_of_other_rows_are_noticed(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.features(extractor, VALUES[:8])
        first, second = files(cache)
        content = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)
        assert recomputed(cache, extractor, VALUES[:8]) == VALUES[:8]

    @pytest.mark.parametrize(
        "tensors",
        [
            {"features": torch.zeros(4, 3)},
            {"features": torch.zeros(4, 3, dtype=torch.float64)},
            {"features": torch.zeros(4, 3), "more": torch.zeros(1)},
            {"others": torch.zeros(4, 3)},
        ],
    )
    def test_foreign_tensors_are_noticed(
        self, cache: FeatureCache, extractor: FakeExtractor, tensors: dict[str, torch.Tensor]
    ) -> None:
        cache.features(extractor, VALUES[:4])
        save_file(tensors, files(cache)[0])
        assert recomputed(cache, extractor, VALUES[:4]) == VALUES[:4]

    @pytest.mark.parametrize(
        "features",
        [torch.full((4, 3), torch.nan), torch.zeros(4, 4), torch.zeros(4, 3, dtype=torch.float64)],
    )
    def test_what_cannot_be_features_is_noticed_even_under_its_own_digest(
        self, cache: FeatureCache, extractor: FakeExtractor, features: torch.Tensor
    ) -> None:
        cache.features(extractor, VALUES[:4])
        plant(files(cache)[0], features)
        assert recomputed(cache, extractor, VALUES[:4]) == VALUES[:4]

    def test_only_the_damaged_shard_is_computed(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.features(extractor, VALUES[:4])
        first = files(cache)
        cache.features(extractor, VALUES[:8])
        [path] = [path for path in files(cache) if path not in first]
        flip(path, -1)
        assert recomputed(cache, extractor, VALUES[:8]) == VALUES[4:8]

    def test_a_folder_in_its_place_is_an_error(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.features(extractor, VALUES[:4])
        [path] = files(cache)
        path.unlink()
        path.mkdir()
        with pytest.raises(ArgumentError, match="path="):
            cache.features(extractor, VALUES[:4])


class TestInterruption:
    def test_goes_on_with_the_next_shard(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        extractor.fail_at = "0009"
        with pytest.raises(KeyboardInterrupt):
            cache.features(extractor, VALUES)
        extractor.fail_at = None
        assert recomputed(cache, extractor, VALUES) == ["0008", "0009"]

    def test_progress(self, cache: FeatureCache, extractor: FakeExtractor) -> None:
        calls: list[tuple[int, int]] = []
        cache.features(extractor, VALUES[:4])
        cache.features(extractor, VALUES, on_rows=lambda *call: calls.append(call))
        assert calls == [(7, 10), (8, 10), (10, 10)]
        calls.clear()
        cache.features(extractor, VALUES, on_rows=lambda *call: calls.append(call))
        assert calls == [(10, 10)]


class TestPlace:
    def test_two_processes_at_once(self, cache: FeatureCache) -> None:
        command = [sys.executable, Path(__file__).with_name("fill_cache.py"), cache.folder]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        workers = [subprocess.Popen(command, **pipes) for _ in range(2)]
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 2
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for worker in workers:
            worker.communicate(timeout=60)
        assert [worker.returncode for worker in workers] == [0, 0]
        assert len(files(cache)) == 100
        assert not list(cache.folder.rglob("*.partial"))

    def test_a_full_disk_is_said_before_the_work(
        self, cache: FeatureCache, extractor: FakeExtractor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = type("usage", (), {"free": 1000})
        monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
        with pytest.raises(ArgumentError, match="bytes of free space"):
            cache.features(extractor, VALUES)
        assert extractor.computed == []

    def test_a_file_in_place_of_the_folder(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.folder.write_text("")
        with pytest.raises(ArgumentError, match="is a file"):
            cache.features(extractor, VALUES)
        assert extractor.computed == []

    def test_a_read_only_folder_is_said_before_the_work_and_can_be_read(
        self, cache: FeatureCache, extractor: FakeExtractor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.features(extractor, VALUES[:4])
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert recomputed(cache, extractor, VALUES[:4]) == []
        extractor.computed = []
        with pytest.raises(ArgumentError, match="read-only"):
            cache.features(extractor, VALUES)
        assert extractor.computed == []

    @posix
    def test_a_disk_that_fills_up_leaves_no_part(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        with largest_file(100), pytest.raises(ArgumentError, match="has room"):
            cache.features(extractor, VALUES)
        assert not [path for path in cache.folder.rglob("*") if path.is_file()]


class TestExtractor:
    def test_features_that_are_not_finite_are_not_kept(
        self, cache: FeatureCache, extractor: FakeExtractor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def features(values: list[str]) -> torch.Tensor:
            return torch.tensor([[1.0, 2.0, torch.inf if v == "0006" else 3.0] for v in values])

        monkeypatch.setattr(extractor, "features", features)
        with pytest.raises(DataError, match="not finite"):
            cache.features(extractor, VALUES)
        assert len(files(cache)) == 1

    def test_another_shape_than_said(self, cache: FeatureCache, extractor: FakeExtractor) -> None:
        extractor.width = 5
        with pytest.raises(ArgumentError, match=r"extractor=\(3, 3\).*\(3, 5\)"):
            cache.features(extractor, VALUES)

    def test_dropout_is_off(self, cache: FeatureCache, extractor: FakeExtractor) -> None:
        expected = cache.features(FakeExtractor(), VALUES)
        extractor.layer = nn.Sequential(extractor.layer, nn.Dropout(0.9)).train()
        assert torch.equal(cache.features(extractor, VALUES), expected)

    @pytest.mark.parametrize("name", ["shard_rows", "batch_rows"])
    def test_sizes(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ArgumentError, match=f"{name}=0"):
            FeatureCache(tmp_path, **{name: 0})


class TestShards:
    def test_rows_in_any_order(self, cache: FeatureCache, extractor: FakeExtractor) -> None:
        shards = cache.shards(extractor, VALUES)
        rows = torch.tensor([9, 0, 4, 4, 7])
        assert shards.shape == (10, 3)
        assert len(shards) == 10
        assert torch.equal(shards[rows], shards.tensor()[rows])
        assert torch.equal(torch.cat(list(shards)), shards.tensor())
        assert shards[torch.tensor([], dtype=torch.int64)].shape == (0, 3)

    def test_batches_with_other_columns(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        shards = cache.shards(extractor, VALUES)
        found = list(shards.batches(torch.arange(10), torch.arange(10) % 3))
        assert [len(part) for batch in found for part in batch] == [4, 4, 4, 4, 4, 4, 2, 2, 2]
        features, numbers, codes = (torch.cat(parts) for parts in zip(*found, strict=True))
        assert torch.equal(features, shards.tensor())
        assert torch.equal(numbers % 3, codes)

    def test_writing_to_what_was_read_leaves_the_file(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        cache.features(extractor, VALUES[:4]).zero_()
        assert recomputed(cache, extractor, VALUES[:4]) == []

    def test_damage_while_in_use(self, cache: FeatureCache, extractor: FakeExtractor) -> None:
        shards = cache.shards(extractor, VALUES[:4])
        [path] = files(cache)
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(SavedModelError, match="altered while it was in use"):
            shards.tensor()
        path.unlink()
        with pytest.raises(SavedModelError, match="removed"):
            shards.tensor()

    def test_another_process_wrote_the_same(
        self, cache: FeatureCache, extractor: FakeExtractor
    ) -> None:
        shards = cache.shards(extractor, VALUES[:4])
        [path] = files(cache)
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        assert shards.tensor().shape == (4, 3)
