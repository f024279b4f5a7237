"""Features of a frozen network on disk, computed once and used by every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save
from torch import Tensor, nn

import fairfactor
from fairfactor.distributed import ALONE, Processes
from fairfactor.errors import ArgumentError, DataError
from fairfactor.feature_extraction.shards import FeatureShards, Shard
from fairfactor.files import atomic_write_bytes, require_writable
from fairfactor.importance.independence import refuse_sample_dependence
from fairfactor.surgery.tensors import digest, state_tensors

SHARD_ROWS = 8192
BATCH_ROWS = 64
_HEADER_BYTES = 4096
_FORMAT = 1

OnRows = Callable[[int, int], None]
"""Called with the rows that are done and all rows."""


class Extractor(Protocol):
    """What a cache asks of an extractor, which is a frozen ``nn.Module`` too."""

    @property
    def width(self) -> int:
        """Number of features of a row."""
        ...

    def features(self, values: Sequence[str]) -> Tensor:
        """Features of some rows, of shape (rows, width)."""
        ...

    def fingerprints(self, values: Sequence[str]) -> list[str]:
        """What each value means: it changes whenever the features would."""
        ...

    def description(self) -> dict[str, Any]:
        """Architecture and preprocessing as JSON values."""
        ...


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
        self, folder: str | Path, shard_rows: int = SHARD_ROWS, batch_rows: int = BATCH_ROWS
    ) -> None:
        for name, value in (("shard_rows", shard_rows), ("batch_rows", batch_rows)):
            if value < 1:
                raise ArgumentError(name, value, "1 or more")
        self.folder, self.shard_rows, self.batch_rows = Path(folder), shard_rows, batch_rows

    def features(
        self,
        extractor: Extractor,
        values: Sequence[str],
        *,
        on_rows: OnRows | None = None,
        processes: Processes = ALONE,
    ) -> Tensor:
        """Features of all rows, in memory.

        Args:
            extractor: The frozen network with its preprocessing, in evaluation mode.
            values: What it reads, one value a row.
            on_rows: Called as the rows are done.
            processes: Those that share the work, all with the same values.

        Returns:
            float32, shape (rows, width).
        """
        return self.shards(extractor, values, on_rows=on_rows, processes=processes).tensor()

    def shards(
        self,
        extractor: Extractor,
        values: Sequence[str],
        *,
        on_rows: OnRows | None = None,
        processes: Processes = ALONE,
    ) -> FeatureShards:
        """Features of all rows, on disk.

        Args:
            extractor: The frozen network with its preprocessing, in evaluation mode.
            values: What it reads, one value a row.
            on_rows: Called as the rows are done.
            processes: Those that share the work, all with the same values. The folder may be one
                for all, or one on each machine, which then computes all shards.

        Returns:
            The files, all of them there and checked.
        """
        assert isinstance(extractor, nn.Module)
        with processes.together():
            refuse_sample_dependence(extractor)
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
        extractor: Extractor,
        values: Sequence[str],
        index: int,
        progress: _Progress,
    ) -> None:
        """Compute a shard, unless another process did, and keep it."""
        if shard.read() is not None:
            return
        start = index * self.shard_rows
        rows = values[start : start + self.shard_rows]
        found = compute_features(
            extractor, rows, first_row=start, batch_rows=self.batch_rows, on_rows=progress.within
        )
        tensors = {"features": found}
        data = save(tensors, {"key": shard.key, "digest": digest(tensors)})
        atomic_write_bytes(shard.path, data)
        progress.add(shard.rows)

    def _keyed(self, extractor: Extractor, values: Sequence[str]) -> list[Shard]:
        """Name the file of each shard by what it depends on."""
        identity = _identity(extractor)
        shards = []
        for start in range(0, len(values), self.shard_rows):
            meanings = extractor.fingerprints(values[start : start + self.shard_rows])
            key = _hash([identity, list(meanings)])
            path = self.folder / identity[:16] / f"{key[:32]}.safetensors"
            shards.append(Shard(path, key, len(meanings), extractor.width))
        return shards


def compute_features(
    extractor: Extractor,
    values: Sequence[str],
    *,
    first_row: int = 0,
    batch_rows: int = BATCH_ROWS,
    on_rows: OnRows | None = None,
) -> Tensor:
    """Run the extractor over some rows, a batch at a time.

    Args:
        extractor: The frozen network with its preprocessing, in evaluation mode.
        values: What it reads, one value a row.
        first_row: Number of the first row, for errors.
        batch_rows: Rows of a batch.
        on_rows: Called after each batch.

    Returns:
        float32, shape (rows, width).

    Raises:
        ArgumentError: If the extractor gives another shape than it says.
        DataError: If a feature is not finite.
    """
    found = torch.empty(len(values), extractor.width)
    for start, batch in _batches(values, batch_rows):
        with torch.no_grad():
            features = extractor.features(batch)
        if features.shape != (len(batch), extractor.width):
            shape = tuple(features.shape)
            accepted = f"features of shape ({len(batch)}, {extractor.width})"
            raise ArgumentError("extractor", shape, accepted, "Look at its width.")
        found[start : start + len(batch)] = features
        if not found[start : start + len(batch)].isfinite().all():
            finite = found[start : start + len(batch)].isfinite().all(dim=1)
            row = first_row + start + int(finite.to(torch.int8).argmin())
            raise DataError(
                f"Row {row} has features that are not finite. Look at its value, or leave it out."
            )
        if on_rows:
            on_rows(start + len(batch), len(values))
    return found


def _identity(extractor: Extractor) -> str:
    """Hash everything but the data that features depend on."""
    assert isinstance(extractor, nn.Module)
    return _hash(
        {
            "format": _FORMAT,
            "versions": [fairfactor.__version__, torch.__version__],
            "description": extractor.description(),
            "width": extractor.width,
            "weights": digest(state_tensors(extractor)),
        }
    )


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _batches(values: Sequence[str], size: int) -> Iterator[tuple[int, Sequence[str]]]:
    for start in range(0, len(values), size):
        yield start, values[start : start + size]


class _Progress:
    """Counts the rows of shards among all rows.

    Args:
        on_rows: Called with the rows that are done and all rows.
        total: All rows.
        missing: Rows that are not on disk.
    """

    def __init__(self, on_rows: OnRows | None, total: int, missing: int) -> None:
        self._on_rows, self._total, self._done = on_rows, total, total - missing
        self._told = -1

    def within(self, rows: int, _: int) -> None:
        """Tell how many rows of a shard are done."""
        self._told = self._done + rows
        if self._on_rows:
            self._on_rows(self._told, self._total)

    def add(self, rows: int) -> None:
        """Count a shard that is done."""
        self._done += rows

    def finish(self) -> None:
        """Tell that all rows are done, unless that has been told."""
        if self._told < self._total:
            self.within(self._total - self._done, self._total)
