"""What many tests share: made once, and never changed by a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the fixtures import what they need, so that other tests start fast
    from pathlib import Path

    from tests.studies.adult import AdultRun

    from fairfactor.run_folder import RunFolder
    from fairfactor.studies.comparison import Comparison
    from fairfactor.studies.peer_comparison import PeerComparison
    from fairfactor.studies.tuning import Tuning


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


@pytest.fixture(scope="session")
def boosted_tuning() -> Tuning:
    """A tuning of a network that reads scores of boosted trees, on the same table."""
    from tests.studies.examples import small_tuning

    return small_tuning("equalized_odds<=0.2", confidence=0.6, backbone="boosted-trees")


@pytest.fixture(scope="session")
def tuning() -> Tuning:
    """A tuning of frozen recipes to equalised odds, on a small made-up table."""
    from tests.studies.examples import small_tuning

    return small_tuning("equalized_odds<=0.2", confidence=0.6)


@pytest.fixture(scope="session")
def peer_comparison() -> PeerComparison:
    """Ours, the unmitigated network and one penalty on the same table, two seeds."""
    from tests.studies.examples import hiring_task, small_compare_config

    from fairfactor.studies.peer_comparison import compare_with_peers

    return compare_with_peers(hiring_task(), small_compare_config(), workers=1)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up table as a file."""
    from tests.studies.examples import hiring_frame

    path = tmp_path_factory.mktemp("people") / "people.csv"
    hiring_frame().to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def tuning_folder(people: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """What ``fairfactor tune`` wrote about that file."""
    from tests.studies.examples import FROZEN

    from fairfactor.run import execute_tuning
    from fairfactor.tune_config import TuneConfig

    config = TuneConfig(
        data=str(people),
        target="hired",
        positive="yes",
        constraint=("equalized_odds<=0.2", "accuracy>=0.6"),
        confidence=0.6,
        recipes=FROZEN,
        hidden=(8, 6),
    )
    return execute_tuning(config, tmp_path_factory.mktemp("tuning") / "run")


@pytest.fixture(scope="session")
def peers_folder(
    peer_comparison: PeerComparison, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    """What ``fairfactor compare`` writes about the comparison with peers."""
    from tests.studies.examples import DESCRIPTION

    from fairfactor.run_folder import RunFolder
    from fairfactor.studies.peer_summary import summarize_peers

    path = tmp_path_factory.mktemp("peers") / "run"
    metrics = summarize_peers(peer_comparison, DESCRIPTION)
    return RunFolder.write(path, peer_comparison.config.to_dict(), metrics, None)
