"""Limits of the operating system that tests put on themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions and limits of POSIX")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the kernel refuse to grow any file past a size, as a full disk does."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
