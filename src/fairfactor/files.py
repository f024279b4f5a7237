"""Write files and folders so that a reader finds the old content or the new, never a part."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fairfactor.errors import ArgumentError

_OUT_OF_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNCHANGED = "What was there before is unchanged."


def require_writable(folder: str | Path, bytes_needed: int = 0) -> None:
    """Check, before long work starts, that a folder can be written and has room.

    The folder need not exist yet: its nearest existing parent is examined. Nothing is created.

    Args:
        folder: The folder that will be written.
        bytes_needed: Free space that the later write needs, in bytes.

    Raises:
        ArgumentError: The folder is a file, cannot be written, or its disk is too full.
    """
    existing = Path(folder).resolve()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise ArgumentError(
            "folder", str(folder), f"a folder, but {existing} is a file", "Choose another folder."
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ArgumentError(
            "folder",
            str(folder),
            f"a folder that can be written, but {existing} is read-only for this user",
            "Change its permissions or choose another folder.",
        )
    free = shutil.disk_usage(existing).free
    if free < bytes_needed:
        raise ArgumentError(
            "folder",
            str(folder),
            f"{bytes_needed:,} bytes of free space, but its disk has {free:,}",
            "Free some space or choose another folder.",
        )


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file beside its final place, flush it to the disk, then move it into place.

    Missing parent folders are created. A link is followed; the file it points to is replaced.

    Args:
        path: The file to write.
        data: Its whole content.
    """
    with atomic_file(path) as file:
        file.write(data)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[BinaryIO]:
    """Write a file as `atomic_write_bytes` does, a part at a time.

    Args:
        path: The file to write.

    Yields:
        The file beside its place. If the ``with`` block raises, an old file is left unchanged.

    Raises:
        ArgumentError: The place cannot be written or has no room.
        OSError: The block failed to read some other place.
    """
    target = Path(path).resolve()
    temporary = _beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.is_file():
            shutil.copymode(target, temporary)
        temporary.replace(target)
        _flush_folder(target.parent)
    except OSError as error:
        if error.filename is not None and not Path(error.filename).is_relative_to(target.parent):
            raise
        raise ArgumentError("path", str(path), *explain_failed_write(error)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def atomic_write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file with `atomic_write_bytes`; line ends are kept as given.

    Args:
        path: The file to write.
        text: Its whole content.
    """
    atomic_write_bytes(path, text.encode("utf-8"))


@contextmanager
def atomic_folder(folder: str | Path, *, replaceable: Collection[str] = ()) -> Iterator[Path]:
    """Fill a temporary folder and move it into place once the ``with`` block has succeeded.

    If the block raises, the temporary folder is removed and the old one is left unchanged. A crash
    of the machine between the two renames that replace an old folder leaves that folder whole
    beside its place, under the name ``.<folder>.<token>.partial``. Of several writers to one
    folder at the same time one wins, and the others may get an error.

    Args:
        folder: The final place; missing parents are created.
        replaceable: Names of the files that an existing folder may hold. Any other content is
            refused, because replacing the folder would delete it.

    Yields:
        The temporary folder to write into.

    Raises:
        ArgumentError: The place holds something else, cannot be written, or has no room.
        OSError: The block failed to read or write some other place.
    """
    target = Path(folder).resolve()
    temporary = _beside(target)
    try:
        require_writable(target)
        _refuse_foreign_content(target, replaceable)
        temporary.mkdir(parents=True)
        yield temporary
        _flush_tree(temporary)
        _swap(temporary, target)
        _flush_folder(target.parent)
    except OSError as error:
        if error.errno in _OUT_OF_SPACE or _concerns(error, temporary, target):
            raise ArgumentError("folder", str(folder), *explain_failed_write(error)) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def explain_failed_write(error: Exception) -> tuple[str, str]:
    """Say what a write needs and what to do about it, for the text of an `ArgumentError`.

    Args:
        error: What the operating system or a library reported.

    Returns:
        What would have been accepted, with the cause, and the remedy.
    """
    cause = getattr(error, "strerror", None) or str(error)
    return (
        f"a place that can be written and has room ({cause})",
        f"Free some space, change its permissions, or choose another place. {_UNCHANGED}",
    )


def _beside(target: Path) -> Path:
    """Name a hidden neighbour on the same disk, so that moving it into place is one rename."""
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.partial")


def _refuse_foreign_content(target: Path, replaceable: Collection[str]) -> None:
    if not target.exists():
        return
    foreign = sorted(entry.name for entry in target.iterdir() if entry.name not in replaceable)
    if foreign:
        raise ArgumentError(
            "folder",
            str(target),
            f"a new or empty folder, but it holds {foreign[0]!r}",
            "Choose another folder: replacing this one would delete its content.",
        )


def _swap(temporary: Path, target: Path) -> None:
    """Move the new folder into place; put the old one back if that fails.

    Raises:
        OSError: A folder could not be moved.
    """
    if not target.exists():
        temporary.rename(target)
        return
    retired = _beside(target)
    target.rename(retired)
    try:
        temporary.rename(target)
    except OSError:
        if target.exists():  # another writer was faster, and its folder is whole
            shutil.rmtree(retired, ignore_errors=True)
        else:
            retired.rename(target)
        raise
    shutil.rmtree(retired, ignore_errors=True)


def _concerns(error: OSError, temporary: Path, target: Path) -> bool:
    """Whether the error came from this write, not from something else that the block did."""
    if not isinstance(error.filename, str | Path):
        return False
    failed = Path(error.filename)
    return failed == target or failed.is_relative_to(temporary)


def _flush_tree(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            with (Path(parent) / name).open("rb+") as file:
                os.fsync(file.fileno())
        _flush_folder(Path(parent))


def _flush_folder(folder: Path) -> None:
    """Flush the folder's entries; Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
