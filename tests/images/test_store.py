import numpy as np
import pytest
from tests.data.images.made_up import jpeg, packed, write_images

from fairfactor.errors import DataError
from fairfactor.images.store import FolderStore, PackedStore, open_store


@pytest.fixture
def folder(tmp_path):
    write_images(tmp_path, ["b.jpg", "people/Ann_Lee/a.PNG", "people/c.jpeg"])
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "people" / "._c.jpeg").write_bytes(b"hidden")
    return tmp_path


def test_images_of_a_folder_are_named_by_their_path(folder):
    store = open_store(folder)
    assert isinstance(store, FolderStore)
    assert store.names == ["b.jpg", "people/Ann_Lee/a.PNG", "people/c.jpeg"]
    assert store.read("people/Ann_Lee/a.PNG") == jpeg(1)


@pytest.mark.parametrize("name", ["../b.jpg", "/etc/hostname", "people/../../b.jpg", ""])
def test_no_name_leads_out_of_the_folder(folder, name):
    store = FolderStore(folder / "people")
    with pytest.raises(DataError, match="not a path within"):
        store.read(name)


def test_what_is_not_there_is_named(folder):
    with pytest.raises(DataError, match=r"image 'd\.jpg' of .* cannot be read: No such file"):
        FolderStore(folder).read("d.jpg")
    with pytest.raises(DataError, match=r"no folder of images .*nowhere"):
        open_store(folder / "nowhere")


def test_the_version_changes_with_the_files(folder):
    first = FolderStore(folder).version
    assert FolderStore(folder).version == first
    (folder / "b.jpg").write_bytes(jpeg(7))
    second = FolderStore(folder).version
    (folder / "b.jpg").rename(folder / "c.jpg")
    assert len({first, second, FolderStore(folder).version}) == 3


def test_packed_images_come_out_as_they_went_in(tmp_path):
    root = packed(tmp_path, ["y.jpg", "x.jpg"], "labels.csv", "")
    store = open_store(root / "images96.npz")
    assert isinstance(store, PackedStore)
    assert store.names == ["x.jpg", "y.jpg"]
    assert (store.read("y.jpg"), store.read("x.jpg")) == (jpeg(0), jpeg(1))
    with pytest.raises(DataError, match=r"no image 'z\.jpg' in .*images96"):
        store.read("z.jpg")


@pytest.mark.parametrize(
    ("array", "value"),
    [
        ("offset", np.array([0, 5])),
        ("offset", np.array([0, 9, 5])),
        ("offset", np.array([1, 2, 5])),
        ("offset", np.array([0, 2, 9])),
        ("jpeg", np.zeros(5, dtype=np.int16)),
        ("name", np.array(["a", "a"])),
    ],
)
def test_damaged_packed_images_are_refused(tmp_path, array, value):
    sound = {
        "jpeg": np.zeros(5, dtype=np.uint8),
        "offset": np.array([0, 2, 5]),
        "name": np.array(["a", "b"]),
    }
    file = tmp_path / "images.npz"
    np.savez(file, **sound)
    assert PackedStore(file).read("b") == bytes(3)
    np.savez(file, **{**sound, array: value})
    with pytest.raises(DataError, match=r"images\.npz is damaged"):
        PackedStore(file)


def test_a_packed_file_cannot_run_code(tmp_path):
    file = tmp_path / "images.npz"
    np.savez(file, jpeg=np.array([print], dtype=object), offset=[0], name=[])
    with pytest.raises(DataError, match=r"holds no packed images.*allow_pickle=False"):
        PackedStore(file)
    file.write_text("no zip")
    with pytest.raises(DataError, match="holds no packed images"):
        PackedStore(file)
