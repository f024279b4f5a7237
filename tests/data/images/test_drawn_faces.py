import io

import numpy as np
import pytest
from PIL import Image

from fairfactor.data.images.drawn_faces import (
    ISLANDS,
    SMILING_RATES,
    DrawnFaces,
    load_drawn_faces,
    write_drawn_faces,
)
from fairfactor.data.images.folder import load_folder
from fairfactor.errors import ArgumentError, DataError


def test_a_face_is_always_the_same_and_every_face_is_another():
    faces, again = DrawnFaces(50, seed=3), DrawnFaces(50, seed=3)
    drawn = [faces.read(name) for name in faces.names[:5]]
    assert [again.read(name) for name in reversed(again.names[:5])] == drawn[::-1]
    assert len({*drawn, DrawnFaces(50, seed=4).read(faces.names[0])}) == 6
    assert Image.open(io.BytesIO(drawn[0])).size == (64, 64)


def test_the_label_depends_on_the_island_and_is_not_certain():
    table = load_drawn_faces(4000)
    rates = table.frame.groupby("island", observed=True)["smiling"].mean()
    for island, rate in zip(ISLANDS, SMILING_RATES, strict=True):
        assert abs(rates[island] - rate) < 0.07
    people = table.images.people
    agreeing = ((people["mood"] > 0) == (people["smiling"] == 1)).mean()
    assert 0.85 < agreeing < 0.95
    assert list(table.frame) == ["smiling", "island", "hair", "image"]  # the mood is not told


def test_only_a_mouth_tells_the_mood():
    """With all else equal, pixels differ between moods in the lower half of the face alone."""
    faces = DrawnFaces(10, seed=0)
    sad, merry = (np.asarray(drawn(faces, mood).convert("L")).astype(float) for mood in (-1.0, 1.0))
    rows = np.flatnonzero((sad != merry).any(axis=1))
    assert len(rows) > 3
    assert rows.min() > 32


def drawn(faces, mood):
    from fairfactor.data.images import drawn_faces

    return drawn_faces._draw(0, False, mood, np.random.default_rng(1))


def test_there_is_no_other_face():
    faces = DrawnFaces(20)
    for name in (
        "face-00020.png",
        "face-1.png",
        "face-00001.jpg",
        "../face-00001.png",
        "face-².png",
    ):
        with pytest.raises(DataError, match="no drawn face"):
            faces.read(name)
    with pytest.raises(ArgumentError, match="rows=3"):
        load_drawn_faces(3)


def test_written_faces_are_a_users_own_images(tmp_path):
    folder = write_drawn_faces(tmp_path / "faces", 12, seed=2)
    table = load_folder(folder / "images", folder / "labels.csv")
    original = load_drawn_faces(12, seed=2)
    assert table.frame["image"].tolist() == original.frame["image"].tolist()
    words = original.frame["smiling"].map({0: "no", 1: "yes"})
    assert table.frame["smiling"].tolist() == words.tolist()
    for name in table.images.names:
        assert table.images.read(name) == original.images.read(name)
    assert table.noticed == ()
    with pytest.raises(ArgumentError, match="a new or empty folder"):
        write_drawn_faces(folder, 12)
