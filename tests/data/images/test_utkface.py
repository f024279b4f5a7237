import pytest
from tests.data.images.made_up import packed, write_images

from fairfactor.data.images.utkface import load_utkface
from fairfactor.errors import DataError

NAMES = ["1_0_3_20161219140623097.jpg", "part1/34_1_0_2016.jpg.chip.jpg", "part2/90_1_4_2017.jpg"]


def test_file_names_give_the_labels(tmp_path):
    write_images(tmp_path, NAMES)
    table = load_utkface(tmp_path)
    assert table.noticed == ()
    assert table.frame["image"].tolist() == NAMES
    assert table.frame["age"].tolist() == [1, 34, 90]
    assert table.frame["gender"].tolist() == ["male", "female", "female"]
    assert table.frame["race"].tolist() == ["indian", "white", "other"]
    assert table.frame["age band"].tolist() == ["0 to 17", "18 to 34", "65 and over"]
    assert table.without_unusable() is table


def test_names_of_another_form_are_counted_once(tmp_path):
    strange = ["39_1_20170116174525125.jpg", "61_3_0_2017.jpg", "notes_1_2_3.jpg"]
    write_images(tmp_path, [*NAMES, *strange])
    table = load_utkface(tmp_path)
    assert len(table.frame) == 3
    (notice,) = table.noticed
    assert (notice.count, list(notice.names)) == (3, strange)
    assert "not age_gender_race_time" in str(notice)


def test_another_folder_is_refused(tmp_path):
    write_images(tmp_path, ["a.jpg"])
    with pytest.raises(DataError, match=r"no image whose name is age_gender_race_time.*--root"):
        load_utkface(tmp_path)


def test_the_compact_form(tmp_path):
    names = ["18_0_0_1.jpg", "40_1_2_2.jpg"]
    rows = "file,age,gender,race\n18_0_0_1.jpg,18,male,white\n40_1_2_2.jpg,40,female,asian\n"
    root = packed(tmp_path / "utk", names, "labels.csv.gz", "")
    import gzip

    (root / "labels.csv.gz").write_bytes(gzip.compress(rows.encode()))
    table = load_utkface(root)
    assert table.frame["age band"].tolist() == ["18 to 34", "35 to 49"]
    assert table.frame["race"].tolist() == ["white", "asian"]
    assert table.without_unusable() is table
    (root / "labels.csv.gz").write_bytes(gzip.compress(rows.replace("file", "name").encode()))
    with pytest.raises(DataError, match="no column 'file'"):
        load_utkface(root)
