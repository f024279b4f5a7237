"""Where images are: a folder of files, or one packed file. Names are those of a table's column."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from fairfactor.errors import DataError
from fairfactor.images.names import ImageNames

IMAGE_ENDINGS = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Endings, in lower case, of the files that count as images."""


class ImageStore(Protocol):
    """Images by name."""

    @property
    def place(self) -> str:
        """Where they are, as a reader is told."""

    @property
    def names(self) -> Sequence[str]:
        """Every name, sorted."""

    @property
    def version(self) -> str:
        """A text that changes when images are added, removed or replaced, without reading them."""

    def read(self, name: str) -> bytes:
        """The file of one image; ``DataError`` if there is none of that name."""


class FolderStore:
    """Images of a folder and the folders within it; names are paths from it, written with "/"."""

    def __init__(self, folder: Path) -> None:
        """Look at no image yet.

        Args:
            folder: The folder.

        Raises:
            DataError: If there is no such folder.
        """
        if not folder.is_dir():
            raise DataError(f"there is no folder of images {folder}. Check the path.")
        self.folder = folder

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    @cached_property
    def names(self) -> Sequence[str]:
        """Paths of all files whose ending is one of `IMAGE_ENDINGS`, sorted."""
        return sorted(name for name, _ in _image_files(self.folder, ""))

    @cached_property
    def _known(self) -> ImageNames:
        return ImageNames(self.names)

    @cached_property
    def version(self) -> str:
        """A digest of the names, sizes and times of the files."""
        digest = hashlib.sha256()
        for name, file in sorted(_image_files(self.folder, ""), key=lambda found: found[0]):
            status = file.stat()
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def read(self, name: str) -> bytes:
        """Read a file.

        Args:
            name: Its path from the folder, as `ImageNames` understands it.

        Returns:
            Its content.

        Raises:
            DataError: If there is no such file in the folder, or it cannot be read.
        """
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts:
            raise DataError(f"image {name!r} is not a path within the folder {self.folder}.")
        try:
            if not (self.folder / path).is_file():
                path = PurePosixPath(self._known.find(name) or name)
            return (self.folder / path).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"image {name!r} of {self.folder} cannot be read: {reason}.") from error


class PackedStore:
    """Images one after the other in one file of NumPy's.

    The file is an ``.npz`` with the arrays ``jpeg`` (uint8, the bytes of all files), ``offset``
    (n + 1 ascending integers: image i is ``jpeg[offset[i]:offset[i + 1]]``) and ``name`` (n texts).
    """

    def __init__(self, file: Path) -> None:
        """Read the file; images are decoded later.

        Args:
            file: The file.

        Raises:
            DataError: If it is not such a file.
        """
        try:
            with np.load(file, allow_pickle=False) as arrays:
                self._bytes, self._offsets = arrays["jpeg"], arrays["offset"]
                self.names: Sequence[str] = arrays["name"].astype(str).tolist()
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{file} holds no packed images ({error}). Get the file again.") from (
                error
            )
        count, offsets = len(self.names), self._offsets
        sound = (
            offsets.shape == (count + 1,)
            and self._bytes.dtype == np.uint8
            and offsets[0] == 0
            and bool((np.diff(offsets) >= 0).all())
            and int(offsets[-1]) == len(self._bytes)
        )
        self._position = {name: place for place, name in enumerate(self.names)}
        if not sound or len(self._position) != count:
            raise DataError(f"{file} is damaged: its images, offsets and names do not agree.")
        self.names = sorted(self.names)
        self.file = file

    @property
    def place(self) -> str:
        """The file."""
        return str(self.file)

    @property
    def version(self) -> str:
        """The size and time of the file."""
        status = self.file.stat()
        return f"{status.st_size} {status.st_mtime_ns}"

    def read(self, name: str) -> bytes:
        """Take an image out.

        Args:
            name: Its name.

        Returns:
            Its bytes, as a JPEG or other file has them.

        Raises:
            DataError: If there is no image of that name.
        """
        if name not in self._position:
            raise DataError(f"there is no image {name!r} in {self.file}.")
        place = self._position[name]
        content: bytes = self._bytes[self._offsets[place] : self._offsets[place + 1]].tobytes()
        return content


def open_store(path: Path) -> ImageStore:
    """Open a folder of images, or a packed file.

    Args:
        path: The folder, or the ``.npz`` file.

    Returns:
        The images.
    """
    return PackedStore(path) if path.suffix == ".npz" else FolderStore(path)


def _image_files(folder: Path | str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield the name and entry of every image below a folder, without following links to folders.

    Hidden files are passed over: some systems put a hidden neighbour beside each file.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _image_files(entry.path, f"{prefix}{entry.name}/")
            elif PurePosixPath(entry.name).suffix.lower() in IMAGE_ENDINGS:
                yield f"{prefix}{entry.name}", entry
