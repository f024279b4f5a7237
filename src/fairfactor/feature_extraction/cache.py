"""Features of a frozen network on disk, computed once and used by every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

import fairfactor
from fairfactor.distributed import ALONE, Processes
from fairfactor.errors import ArgumentError
from fairfactor.feature_extraction.extract import BATCH_SIZE, extract
from fairfactor.feature_extraction.extractor import FeatureExtractor
from fairfactor.feature_extraction.kinds import describe_extractor
from fairfactor.feature_extraction.shards import FeatureShards, Shard
from fairfactor.files import atomic_write_bytes, require_writable
from fairfactor.progress import OnCount, untold
from fairfactor.surgery.tensors import digest, state_tensors

SHARD_ROWS = 8192
_HEADER_BYTES = 4096
_FORMAT = 1


class FeatureCache:
    """Features in files of some thousand rows each, keyed by everything they depend on.

    The key of a shard is a hash of the weights, the description and the versions behind the
    extractor, and of the fingerprints of the shard's rows: new rows and changed files cost the
    shards they are in, everything else is read. Every file carries a digest of its content; a file
    that is missing, stale, truncated, altered or not finite is computed again. Shards appear whole,
    so interrupted work goes on with the next one, and several processes may share the folder.

    The files hold features of single people, as the data do: keep the folder where the data are.

    Args:
        folder: Where the files are; it is made when the first is written.
        shard_rows: Rows of a file.
        batch_rows: Rows that the extractor is given at a time.
    """

    def __init__(
        self, folder: str | Path, shard_rows: int = SHARD_ROWS, batch_rows: int = BATCH_SIZE
    ) -> None:
        for name, value in (("shard_rows", shard_rows), ("batch_rows", batch_rows)):
            if value < 1:
                raise ArgumentError(name, value, "1 or more")
        self.folder, self.shard_rows, self.batch_rows = Path(folder), shard_rows, batch_rows

    def features(
        self,
        extractor: FeatureExtractor,
        values: Sequence[str],
        *,
        on_rows: OnCount = untold,
        processes: Processes = ALONE,
    ) -> Tensor:
        """Features of all rows, in memory.

        Args:
            extractor: The frozen network with its preprocessing.
            values: What it reads, one value a row.
            on_rows: Called as the rows are done.
            processes: Those that share the work, all with the same values.

        Returns:
            float32, shape (rows, width).
        """
        return self.shards(extractor, values, on_rows=on_rows, processes=processes).tensor()

    def shards(
        self,
        extractor: FeatureExtractor,
        values: Sequence[str],
        *,
        on_rows: OnCount = untold,
        processes: Processes = ALONE,
    ) -> FeatureShards:
        """Features of all rows, on disk.

        Args:
            extractor: The frozen network with its preprocessing.
            values: What it reads, one value a row.
            on_rows: Called as the rows are done.
            processes: Those that share the work, all with the same values. The folder may be one
                for all, or one on each machine, which then computes all shards.

        Returns:
            The files, all of them there and checked.
        """
        with processes.together():
            shards = self._keyed(extractor, values)
            missing = [index for index, shard in enumerate(shards) if shard.read() is None]
            if missing:
                needed = sum(shards[i].bytes + _HEADER_BYTES for i in missing)
                require_writable(self.folder, needed)
        progress = _Progress(on_rows, len(values), sum(shards[i].rows for i in missing))
        with processes.together():
            for index in missing[processes.rank :: processes.number]:
                self._fill(shards[index], extractor, values, index, progress)
        for index in missing if processes.number > 1 else ():
            self._fill(shards[index], extractor, values, index, progress)
        progress.finish()
        return FeatureShards(tuple(shards), extractor.width)

    def _fill(
        self,
        shard: Shard,
        extractor: FeatureExtractor,
        values: Sequence[str],
        index: int,
        progress: _Progress,
    ) -> None:
        """Compute a shard, unless another process did, and keep it."""
        if shard.read() is not None:
            return
        start = index * self.shard_rows
        rows = values[start : start + self.shard_rows]
        found = extract(extractor, rows, batch_size=self.batch_rows, on_rows=progress.within)
        tensors = {"features": found}
        data = save(tensors, {"key": shard.key, "digest": digest(tensors)})
        atomic_write_bytes(shard.path, data)
        progress.add(shard.rows)

    def _keyed(self, extractor: FeatureExtractor, values: Sequence[str]) -> list[Shard]:
        """Name the file of each shard by what it depends on."""
        identity = _identity(extractor)
        shards = []
        for start in range(0, len(values), self.shard_rows):
            meanings = extractor.fingerprints(values[start : start + self.shard_rows])
            key = _hash([identity, list(meanings)])
            path = self.folder / identity[:16] / f"{key[:32]}.safetensors"
            shards.append(Shard(path, key, len(meanings), extractor.width))
        return shards


def _identity(extractor: FeatureExtractor) -> str:
    """Hash everything but the data that features depend on."""
    return _hash(
        {
            "format": _FORMAT,
            "versions": [fairfactor.__version__, torch.__version__],
            "description": describe_extractor(extractor),
            "width": extractor.width,
            "weights": digest(state_tensors(extractor)),
        }
    )


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class _Progress:
    """Counts the rows of shards among all rows.

    Args:
        on_rows: Called with the rows that are done and all rows.
        total: All rows.
        missing: Rows that are not on disk.
    """

    def __init__(self, on_rows: OnCount, total: int, missing: int) -> None:
        self._on_rows, self._total, self._done = on_rows, total, total - missing
        self._told = -1

    def within(self, rows: int, _: int) -> None:
        """Tell how many rows of a shard are done."""
        self._told = self._done + rows
        self._on_rows(self._told, self._total)

    def add(self, rows: int) -> None:
        """Count a shard that is done."""
        self._done += rows

    def finish(self) -> None:
        """Tell that all rows are done, unless that has been told."""
        if self._told < self._total:
            self.within(self._total - self._done, self._total)
