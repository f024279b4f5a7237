import pytest
from tests.data.images.made_up import write_images

from fairfactor.data.images.fairface import load_fairface
from fairfactor.errors import DataError

TRAIN = "file,age,gender,race,service_test\ntrain/1.jpg,50-59,Male,East Asian,True\n"
VALIDATION = "file,age,gender,race,service_test\nval/1.jpg,3-9,Female,Latino_Hispanic,False\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "fairface_label_train.csv").write_text(TRAIN)
    (tmp_path / "fairface_label_val.csv").write_text(VALIDATION)
    write_images(tmp_path, ["train/1.jpg", "val/1.jpg"])
    return tmp_path


def test_the_official_layout(root):
    table = load_fairface(root)
    assert table.frame["image"].tolist() == ["train/1.jpg", "val/1.jpg"]
    assert table.frame["race"].tolist() == ["East Asian", "Latino_Hispanic"]
    assert table.frame["split"].tolist() == ["train", "validation"]
    assert table.noticed == ()
    assert table.without_unusable() is table


def test_the_folder_of_the_download_and_one_table(root):
    (root / "fairface_label_train.csv").unlink()
    folder = root / "fairface-img-margin025-trainval"
    folder.mkdir()
    (root / "val").rename(folder / "val")
    assert load_fairface(root).frame["image"].tolist() == ["val/1.jpg"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("race", "ethnicity", "no column 'race'"), ("Male", "", "1 rows with an empty cell")],
)
def test_damaged_tables_say_what_is_wrong(root, old, new, said):
    (root / "fairface_label_train.csv").write_text(TRAIN.replace(old, new))
    with pytest.raises(DataError, match=said):
        load_fairface(root)


def test_without_any_table(root):
    for file in root.glob("*.csv"):
        file.unlink()
    with pytest.raises(DataError, match=r"no table of labels: expected fairface_label_train\.csv"):
        load_fairface(root)
