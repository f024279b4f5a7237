from pathlib import Path

import pytest
from tests.limits import largest_file, posix

from fairfactor.checkpoints import Checkpoints
from fairfactor.errors import FairfactorWarning
from fairfactor.stored_values import load_value, save_value


class Work:
    """Counts how often it is done."""

    def __init__(self, size: int = 1) -> None:
        self.done, self.size = 0, size

    def __call__(self) -> list[int]:
        self.done += 1
        return [1] * self.size


def once(checkpoints: Checkpoints, work: Work, name: str = "part") -> list[int]:
    return checkpoints.once(name, work, save_value, lambda folder: load_value(folder, ()))


def test_a_part_is_done_once(tmp_path: Path) -> None:
    work, checkpoints = Work(), Checkpoints(tmp_path / ".work")
    assert not (tmp_path / ".work").exists()
    assert once(checkpoints, work) == once(checkpoints, work) == [1]
    assert work.done == 1
    once(checkpoints.within("seed-1"), work)
    assert work.done == 2


def test_nothing_is_kept_without_a_folder() -> None:
    work = Work()
    once(Checkpoints(), work)
    once(Checkpoints().within("x"), work)
    assert work.done == 2


@pytest.mark.parametrize("damage", ["", "{", '{"record": "Path", "fields": {}}', '{"odd": 1}'])
def test_a_damaged_part_is_done_again(tmp_path: Path, damage: str) -> None:
    work, checkpoints = Work(), Checkpoints(tmp_path)
    once(checkpoints, work)
    (tmp_path / "part" / "value.json").write_text(damage)
    assert once(checkpoints, work) == [1]
    assert work.done == 2


@posix
def test_a_full_disk_does_not_stop_the_work(tmp_path: Path) -> None:
    work, checkpoints = Work(size=10_000), Checkpoints(tmp_path / ".work")
    with (
        largest_file(1000),
        pytest.warns(FairfactorWarning, match=r"could not be kept for --resume.*work goes on"),
    ):
        assert len(once(checkpoints, work)) == 10_000
    assert once(checkpoints, work) == [1] * 10_000


def attempt(checkpoints: Checkpoints, work: Work, error: type[BaseException], **options) -> None:
    """Do a part, then fail."""
    with checkpoints.kept_until_done(**options):
        once(checkpoints, work)
        raise error


class TestKeptUntilDone:
    def test_parts_are_removed_when_all_is_done(self, tmp_path: Path) -> None:
        checkpoints = Checkpoints(tmp_path / ".work")
        with checkpoints.kept_until_done(resume=False):
            once(checkpoints, Work())
            assert (tmp_path / ".work").exists()
        assert not (tmp_path / ".work").exists()

    @pytest.mark.parametrize(("resume", "done"), [(True, 0), (False, 1)])
    def test_parts_of_a_failed_attempt_are_used_when_asked(
        self, tmp_path: Path, resume: bool, done: int
    ) -> None:
        work, checkpoints = Work(), Checkpoints(tmp_path / ".work")
        with pytest.raises(ZeroDivisionError):
            attempt(checkpoints, Work(), ZeroDivisionError, resume=False)
        with checkpoints.kept_until_done(resume=resume):
            once(checkpoints, work)
        assert work.done == done

    def test_an_interrupt_says_how_to_go_on(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt, match="--resume"):
            attempt(Checkpoints(tmp_path / ".work"), Work(), KeyboardInterrupt, resume=True)
        with pytest.raises(KeyboardInterrupt) as caught:
            attempt(Checkpoints(), Work(), KeyboardInterrupt, resume=True)
        assert caught.value.args == ()


def test_other_work_and_other_data_have_another_place(tmp_path: Path) -> None:
    data = tmp_path / "t.csv"
    data.write_text("a,b\n1,2\n")
    places = {
        Checkpoints.of(tmp_path, {"seed": 1}).folder,
        Checkpoints.of(tmp_path, {"seed": 2}).folder,
        Checkpoints.of(tmp_path, {"seed": 1}, data).folder,
    }
    data.write_text("a,b\n1,3\n")
    places.add(Checkpoints.of(tmp_path, {"seed": 1}, data).folder)
    assert len(places) == 4
    assert Checkpoints.of(tmp_path, {"seed": 1}, data).folder in places
