"""What many tests share: made once, and never changed by a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the fixtures import what they need, so that other tests start fast
    from tests.studies.adult import AdultRun

    from fairfactor.studies.comparison import Comparison


@pytest.fixture(scope="session")
def comparison() -> Comparison:
    """All methods at ranks 1 and 2 on a small made-up table, two seeds."""
    from tests.studies.examples import hiring_task, small_config

    from fairfactor.studies.comparison import compare_methods

    return compare_methods(hiring_task(), small_config(), workers=1)


@pytest.fixture(scope="session")
def adult_run(tmp_path_factory: pytest.TempPathFactory) -> AdultRun:
    """A short run on Adult: its folder, and what was in memory when it was written."""
    from tests.studies.adult import run_on_adult

    return run_on_adult(tmp_path_factory.mktemp("adult") / "run")
