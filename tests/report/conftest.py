from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.report.browser import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; only tests marked ``browser`` ask for it."""
    with Browser() as started:
        yield started
