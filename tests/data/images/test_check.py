import pytest
from tests.data.images.made_up import jpeg, write_images

from fairfactor.data.images import check
from fairfactor.data.images.check import unreadable_images
from fairfactor.images.store import FolderStore


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "images"
    write_images(folder, [f"{place}.jpg" for place in range(8)])
    (folder / "3.jpg").write_bytes(jpeg(3)[:-100])
    (folder / "5.jpg").write_bytes(b"")
    return FolderStore(folder)


def test_every_unreadable_image_is_found_with_its_reason(store, monkeypatch):
    monkeypatch.setattr(check, "_AT_ONCE", 3)
    done = []
    found = unreadable_images(store, store.names, on_images=done.append)
    assert list(found) == ["3.jpg", "5.jpg"]
    assert "truncated" in found["3.jpg"]
    assert found["5.jpg"] == "the file is empty"
    assert done == [3, 3, 2]


def test_unchanged_images_are_checked_once(store, tmp_path, monkeypatch):
    first = unreadable_images(store, store.names, remembered=tmp_path / "cache")
    monkeypatch.setattr(check, "_fault", None)  # would be called
    again = FolderStore(store.folder)
    assert unreadable_images(again, again.names, remembered=tmp_path / "cache") == first


def test_a_mended_image_is_checked_again(store, tmp_path):
    unreadable_images(store, store.names, remembered=tmp_path / "cache")
    (store.folder / "3.jpg").write_bytes(jpeg(3))
    mended = FolderStore(store.folder)
    found = unreadable_images(mended, mended.names, remembered=tmp_path / "cache")
    assert list(found) == ["5.jpg"]


def test_a_damaged_memory_is_no_memory(store, tmp_path):
    first = unreadable_images(store, store.names, remembered=tmp_path / "cache")
    for file in (tmp_path / "cache").iterdir():
        file.write_text("{")
    assert unreadable_images(store, store.names, remembered=tmp_path / "cache") == first
