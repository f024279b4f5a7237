import pytest
from tests.feature_extraction.examples import KINDS

from fairfactor.feature_extraction import kinds


@pytest.fixture
def letters_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the extractor of the examples be loaded."""
    monkeypatch.setattr(kinds, "_KINDS", KINDS)
