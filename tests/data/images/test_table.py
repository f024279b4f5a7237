import pandas as pd
import pytest
from tests.data.images.made_up import write_images

from fairfactor.data.images.table import joined
from fairfactor.errors import ArgumentError, DataError, FairfactorWarning
from fairfactor.images.store import FolderStore


@pytest.fixture
def store(tmp_path):
    write_images(tmp_path, [f"{place}.jpg" for place in range(5)])
    return FolderStore(tmp_path)


def table(store, names):
    return joined(pd.DataFrame({"image": names, "label": range(len(names))}), store)


def test_a_sound_table_has_nothing_to_say(store):
    sound = table(store, store.names)
    assert sound.without_unusable() is sound
    assert sound.noticed == ()
    sound.warn()


def test_images_without_a_row_are_counted(store):
    noticed = table(store, ["0.jpg"])
    assert [str(notice) for notice in noticed.noticed] == [
        "4 images without a row of labels, not used (1.jpg, 2.jpg, 3.jpg and 1 more)"
    ]
    with pytest.warns(FairfactorWarning, match="4 images without a row"):
        noticed.warn()


def test_rows_without_an_image_and_broken_images_are_refused_together(store):
    (store.folder / "2.jpg").write_bytes(b"")
    broken = table(store, [*store.names, "7.jpg", "8.jpg"])
    with pytest.raises(
        DataError,
        match=r"2 rows without an image file \(7\.jpg, 8\.jpg\); 1 images that cannot be decoded "
        r"\(2\.jpg: the file is empty\).*--unusable-images leave-out",
    ):
        broken.without_unusable()


def test_they_are_left_out_only_when_asked_for_and_said_so(store):
    (store.folder / "2.jpg").write_bytes(b"")
    left = table(store, [*store.names, "7.jpg"]).without_unusable("leave-out")
    assert left.frame["image"].tolist() == ["0.jpg", "1.jpg", "3.jpg", "4.jpg"]
    assert left.frame["label"].tolist() == [0, 1, 3, 4]
    assert [notice.count for notice in left.noticed] == [1, 1]
    assert all("left out" in str(notice) for notice in left.noticed)
    with pytest.raises(ArgumentError, match="refuse or leave-out"):
        left.without_unusable("skip")


def test_nothing_usable_is_an_error_even_then(store):
    with pytest.raises(DataError, match="no usable image: 1 rows without an image file"):
        table(store, ["7.jpg"]).without_unusable("leave-out")


def test_an_image_has_one_row(store):
    with pytest.raises(DataError, match=r"1 images have more than one row \(0\.jpg\)"):
        table(store, ["0.jpg", "0.jpg", "1.jpg"])
