"""Finished parts of long work, kept in a hidden folder until all of it is done."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError

import fairfactor
from fairfactor.errors import FairfactorError, FairfactorWarning
from fairfactor.files import atomic_folder

Value = TypeVar("Value")

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Checkpoints:
    """Parts of the work by name; each is written as a whole or not at all.

    Attributes:
        folder: Where they are; ``None`` keeps nothing. It is made with the first part.
    """

    folder: Path | None = None

    @classmethod
    def of(cls, parent: Path, work: Mapping[str, Any], *files: Path) -> Checkpoints:
        """The place for some work: other work, data or versions have another.

        Args:
            parent: Folder in which the hidden folder will be.
            work: What is done, as JSON values.
            *files: The files that it reads.

        Returns:
            The checkpoints, which may be there from an earlier attempt.
        """
        versions = [fairfactor.__version__, torch.__version__]
        digest = hashlib.sha256(json.dumps([versions, dict(work)], sort_keys=True).encode())
        for path in files:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        return cls(parent / f".fairfactor-{digest.hexdigest()[:16]}")

    @contextmanager
    def kept_until_done(self, *, resume: bool) -> Iterator[None]:
        """Keep the parts if the block is interrupted or fails, and remove them once it is done.

        Args:
            resume: Whether parts of an earlier attempt are used; else they are removed first.

        Yields:
            Nothing.

        Raises:
            KeyboardInterrupt: If the block was interrupted, with what to do next.
        """
        if not resume:
            self._remove()
        try:
            yield
        except KeyboardInterrupt:
            if self.folder is not None and self.folder.exists():
                raise KeyboardInterrupt(
                    "Finished parts are kept: go on with the same command and --resume."
                ) from None
            raise
        self._remove()

    def within(self, name: str) -> Checkpoints:
        """The checkpoints of one part of the work.

        Args:
            name: Name of the part.

        Returns:
            Those in a folder of its own.
        """
        return Checkpoints(self.folder / name if self.folder is not None else None)

    def once(
        self,
        name: str,
        compute: Callable[[], Value],
        save: Callable[[Value, Path], None],
        load: Callable[[Path], Value],
    ) -> Value:
        """Take a part from an earlier attempt, or compute and keep it.

        Args:
            name: Name of the part.
            compute: Computes it.
            save: Writes it into a folder.
            load: Reads it from there. A part that cannot be read is computed again.

        Returns:
            The part.
        """
        if self.folder is None:
            return compute()
        place = self.folder / name
        if place.exists():
            try:
                return load(place)
            except (FairfactorError, OSError, SafetensorError, ValueError, TypeError, KeyError):
                shutil.rmtree(place, ignore_errors=True)
        value = compute()
        try:
            with atomic_folder(place) as temporary:
                save(value, temporary)
        except (FairfactorError, OSError, SafetensorError) as error:
            warnings.warn(
                f"a finished part of the work could not be kept for --resume ({error}). The work "
                "goes on.",
                FairfactorWarning,
                stacklevel=2,
            )
        return value

    def _remove(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
