from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import threading
from pathlib import Path

import pytest
from tests.limits import largest_file, posix

from fairfactor.errors import ArgumentError
from fairfactor.files import (
    atomic_folder,
    atomic_write_bytes,
    atomic_write_text,
    require_writable,
)


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


class TestWrite:
    def test_writes_new_and_replaces_old(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "file.txt"
        atomic_write_text(path, "größe\r\n")
        assert path.read_bytes() == "größe\r\n".encode()
        atomic_write_bytes(path, b"\x00")
        assert path.read_bytes() == b"\x00"
        assert names(path.parent) == {"file.txt"}

    @posix
    def test_permissions_are_the_usual_ones(self, tmp_path: Path) -> None:
        (tmp_path / "usual").touch()
        atomic_write_bytes(tmp_path / "new", b"")
        assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode

    @posix
    def test_keeps_the_permissions_of_the_old_file(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.touch()
        path.chmod(0o640)
        atomic_write_bytes(path, b"1")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    @posix
    def test_follows_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "file")
        atomic_write_text(tmp_path / "link", "1")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "file").read_text() == "1"

    @posix
    def test_full_disk_leaves_the_old_content(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("old")
        with largest_file(1000), pytest.raises(ArgumentError, match=r"too large.*unchanged"):
            atomic_write_bytes(path, bytes(5000))
        assert path.read_text() == "old"
        assert names(tmp_path) == {"file"}

    def test_failed_flush_leaves_the_old_content(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(descriptor: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        path = tmp_path / "file"
        path.write_text("old")
        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(ArgumentError, match="Input/output error"):
            atomic_write_bytes(path, b"new")
        assert path.read_text() == "old"
        assert names(tmp_path) == {"file"}

    def test_refuses_a_folder_and_a_file_as_parent(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ArgumentError, match=r"^path="):
            atomic_write_bytes(tmp_path, b"")
        with pytest.raises(ArgumentError, match=r"^path="):
            atomic_write_bytes(tmp_path / "file" / "below", b"")

    def test_a_reader_never_sees_a_part(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        contents = [bytes([value]) * 50_000 for value in (1, 2)]
        atomic_write_bytes(path, contents[0])

        def write() -> None:
            for turn in range(20):
                atomic_write_bytes(path, contents[turn % 2])

        writer = threading.Thread(target=write)
        writer.start()
        seen = []
        while writer.is_alive():
            seen.append(path.read_bytes())
        writer.join()
        assert seen
        assert all(content in contents for content in seen)


class TestFolder:
    def test_moves_a_whole_tree_into_place(self, tmp_path: Path) -> None:
        target = tmp_path / "runs" / "1"
        with atomic_folder(target) as temporary:
            (temporary / "a").write_text("a")
            (temporary / "below").mkdir()
            (temporary / "below" / "b").write_text("b")
            assert not target.exists()
        assert (target / "below" / "b").read_text() == "b"
        assert names(tmp_path / "runs") == {"1"}

    def test_replaces_a_folder_of_the_same_kind(self, tmp_path: Path) -> None:
        for text in ("old", "new"):
            with atomic_folder(tmp_path / "run", replaceable={"a"}) as temporary:
                (temporary / "a").write_text(text)
        assert (tmp_path / "run" / "a").read_text() == "new"
        assert names(tmp_path) == {"run"}

    def test_fills_an_empty_folder(self, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        with atomic_folder(tmp_path / "run") as temporary:
            (temporary / "a").touch()
        assert names(tmp_path / "run") == {"a"}

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, FileNotFoundError])
    def test_an_error_in_the_block_leaves_the_old_folder(
        self, tmp_path: Path, error: type[BaseException]
    ) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "a").write_text("old")

        def write_and_fail() -> None:
            with atomic_folder(tmp_path / "run", replaceable={"a"}) as temporary:
                (temporary / "a").write_text("new")
                raise error

        with pytest.raises(error):
            write_and_fail()
        assert (tmp_path / "run" / "a").read_text() == "old"
        assert names(tmp_path) == {"run"}

    def test_refuses_to_delete_foreign_content(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").touch()
        with (
            pytest.raises(ArgumentError, match=r"holds 'thesis\.tex'.*Choose another folder"),
            atomic_folder(tmp_path, replaceable={"a"}),
        ):
            pass
        assert names(tmp_path) == {"thesis.tex"}

    def test_refuses_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with (
            pytest.raises(ArgumentError, match="is a file"),
            atomic_folder(tmp_path / "file"),
        ):
            pass

    @posix
    def test_full_disk_leaves_the_old_folder(self, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "a").write_text("old")
        with (
            largest_file(1000),
            pytest.raises(ArgumentError, match=r"^folder=.*too large"),
            atomic_folder(tmp_path / "run", replaceable={"a"}) as temporary,
        ):
            (temporary / "a").write_bytes(bytes(5000))
        assert (tmp_path / "run" / "a").read_text() == "old"
        assert names(tmp_path) == {"run"}

    def test_failed_move_puts_the_old_folder_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "a").write_text("old")
        rename = Path.rename

        def refuse(self: Path, target: Path) -> Path:
            if (self / "new").exists():
                raise OSError(errno.EIO, "Input/output error", str(self))
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", refuse)
        with (
            pytest.raises(ArgumentError, match="Input/output error"),
            atomic_folder(tmp_path / "run", replaceable={"a"}) as temporary,
        ):
            (temporary / "new").touch()
        assert (tmp_path / "run" / "a").read_text() == "old"
        assert names(tmp_path) == {"run"}

    def test_writers_at_the_same_time_leave_one_whole_folder(self, tmp_path: Path) -> None:
        refused: list[ArgumentError] = []

        def write(text: str) -> None:
            for _ in range(20):
                try:
                    with atomic_folder(tmp_path / "run", replaceable={"a", "b"}) as temporary:
                        (temporary / "a").write_text(text)
                        (temporary / "b").write_text(text)
                except ArgumentError as error:
                    refused.append(error)

        writers = [threading.Thread(target=write, args=(text,)) for text in "12"]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert len(refused) < 40
        assert (tmp_path / "run" / "a").read_text() == (tmp_path / "run" / "b").read_text()
        assert names(tmp_path) == {"run"}

    @posix
    @pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root may write")
    def test_read_only_parent(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with (
            pytest.raises(ArgumentError, match="read-only"),
            atomic_folder(tmp_path / "run"),
        ):
            pass


class TestRequireWritable:
    def test_accepts_and_creates_nothing(self, tmp_path: Path) -> None:
        require_writable(tmp_path / "a" / "b", bytes_needed=10)
        assert names(tmp_path) == set()

    def test_too_little_space(self, tmp_path: Path) -> None:
        free = shutil.disk_usage(tmp_path).free
        with pytest.raises(ArgumentError, match=rf"{10**18:,} bytes of free space.*Free some"):
            require_writable(tmp_path / "a", bytes_needed=10**18)
        require_writable(tmp_path, bytes_needed=free // 2)

    def test_file_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ArgumentError, match="is a file"):
            require_writable(tmp_path / "file")

    def test_read_only(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(ArgumentError, match="read-only for this user"):
            require_writable(tmp_path)
