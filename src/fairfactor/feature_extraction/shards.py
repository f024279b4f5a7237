"""Features on disk as one table of numbers, of which only what is read is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from fairfactor.errors import SavedModelError
from fairfactor.surgery.tensors import digest


@dataclass(frozen=True)
class Shard:
    """A file of features.

    Attributes:
        path: The file.
        key: Hash of everything that the features depend on; the file must name it.
        rows: Number of rows.
        width: Number of features of a row.
    """

    path: Path
    key: str
    rows: int
    width: int

    @property
    def bytes(self) -> int:
        """Size of the features in the file."""
        return 4 * self.rows * self.width

    def read(self) -> Tensor | None:
        """Map the file into memory and check every byte of it.

        Returns:
            float32 of shape (rows, width), or None if the file is missing or not what it must be.
        """
        try:
            features, metadata = self.map()
        except (OSError, SafetensorError, UnicodeDecodeError):
            return None
        if features.dtype != torch.float32 or features.shape != (self.rows, self.width):
            return None
        if metadata != {"key": self.key, "digest": digest({"features": features})}:
            return None
        return features if bool(features.isfinite().all()) else None

    def map(self) -> tuple[Tensor, dict[str, str]]:
        """Map the file into memory and trust it.

        Returns:
            Its features, and what it says about itself.

        Raises:
            SafetensorError: If it is no such file.
        """
        with safe_open(self.path, framework="pt") as file:
            if list(file.keys()) != ["features"]:
                raise SafetensorError("other tensors than features")
            return file.get_tensor("features"), file.metadata() or {}


class FeatureShards:
    """Features of all rows in files that are mapped into memory one at a time.

    Args:
        shards: The files, checked, in the order of the rows, all of as many rows as the first but
            the last.
        width: Number of features of a row.
    """

    def __init__(self, shards: tuple[Shard, ...], width: int) -> None:
        self.shape = (sum(shard.rows for shard in shards), width)
        self._shards = [(shard, _state(shard.path)) for shard in shards]

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        """Map one file after another.

        Yields:
            float32 of shape (rows of the file, width).
        """
        for index in range(len(self._shards)):
            yield self._map(index)

    def batches(self, *columns: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Map one file after another, with other columns of its rows.

        Args:
            *columns: Such as labels and group codes, rows first, in memory or mapped themselves.

        Yields:
            float32 of shape (rows of the file, width), then the columns of these rows.
        """
        start = 0
        for features in self:
            rows = slice(start, start + len(features))
            yield features, *(column[rows] for column in columns)
            start += len(features)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Read some rows.

        Args:
            rows: Positions, shape (n,), none negative.

        Returns:
            float32, shape (n, width).
        """
        found = torch.empty(len(rows), self.shape[1])
        size = self._shards[0][0].rows if self._shards else 1
        places = rows // size
        for place in places.unique().tolist():
            here = places == place
            found[here] = self._map(place)[rows[here] - place * size]
        return found

    def tensor(self) -> Tensor:
        """All rows: a single file as it is mapped, several in memory.

        Returns:
            float32, shape (rows, width).
        """
        if len(self._shards) == 1:
            return self._map(0)
        found, start = torch.empty(self.shape), 0
        for features in self:
            found[start : start + len(features)] = features
            start += len(features)
        return found

    def _map(self, index: int) -> Tensor:
        """Map a file; it is read again from end to end only if it is not the one that was checked.

        Returns:
            Its features.

        Raises:
            SavedModelError: If it is damaged or gone.
        """
        shard, checked = self._shards[index]
        state = _state(shard.path)
        features = shard.map()[0] if state == checked and state else shard.read()
        if features is None:
            raise SavedModelError(
                f"{shard.path} was removed or altered while it was in use. Run the same again: its "
                "features will be computed anew."
            )
        self._shards[index] = shard, state
        return features


def _state(path: Path) -> tuple[int, ...]:
    """What changes when a file is replaced or written to; nothing if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
