"""Which images of a store cannot be decoded, found before any long work starts."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fairfactor.errors import DataError
from fairfactor.files import atomic_write_text
from fairfactor.images.decode import loaded, require_pillow
from fairfactor.images.store import ImageStore

_AT_ONCE = 2000  # images handed to the threads at a time, so that few are waiting in memory


def unreadable_images(
    store: ImageStore,
    names: Sequence[str],
    *,
    remembered: Path | None = None,
    on_images: Callable[[int], None] = lambda _done: None,
) -> dict[str, str]:
    """Decode every image once and keep none. JPEGs are decoded at an eighth of their size.

    Args:
        store: The images.
        names: Which of them; each must be in the store.
        remembered: Folder for the result, which a later call with the same unchanged images takes.
        on_images: Called with the number of images done since the last call.

    Returns:
        Why an image cannot be decoded, by its name, in the order of ``names``.
    """
    require_pillow()
    file = None
    if remembered is not None:
        listed = "\n".join((store.place, store.version, *names))
        file = remembered / f"images-{hashlib.sha256(listed.encode()).hexdigest()[:24]}.json"
        found = _recall(file)
        if found is not None:
            on_images(len(names))
            return found
    reasons: dict[str, str] = {}
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as threads:
        warnings.simplefilter("ignore")  # of metadata that nothing here reads
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            for name, reason in zip(
                some, threads.map(lambda n: _fault(store, n), some), strict=True
            ):
                if reason is not None:
                    reasons[name] = reason
            on_images(len(some))
    if file is not None:
        atomic_write_text(file, json.dumps(reasons, ensure_ascii=False))
    return reasons


def _fault(store: ImageStore, name: str) -> str | None:
    """Why an image cannot be decoded; ``None`` if it can."""
    try:
        loaded(store.read(name), coarse=True)
    except DataError as error:
        return str(error)
    return None


def _recall(file: Path) -> dict[str, str] | None:
    """Read what an earlier call found; ``None`` if there is none, or its file is damaged."""
    try:
        found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
