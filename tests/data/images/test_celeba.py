import pytest
from tests.data.images.made_up import celeba, write_images

from fairfactor.data.images.celeba import load_celeba
from fairfactor.errors import DataError


@pytest.fixture
def root(tmp_path):
    return celeba(tmp_path / "celeba")


def test_the_official_layout(root):
    table = load_celeba(root)
    frame = table.frame
    assert list(frame) == ["image", "Male", "Smiling", "Wavy_Hair", "split", "person"]
    assert frame["image"].tolist() == [f"{place:06d}.jpg" for place in range(1, 7)]
    assert frame["Male"].tolist() == [0, 1, 0, 1, 0, 1]
    assert frame["Wavy_Hair"].tolist() == [0, 0, 0, 0, 1, 1]
    assert frame["split"].tolist() == ["train", "validation", "test"] * 2
    assert frame["person"].tolist() == [2880, 2880, 2881, 2881, 2882, 2882]
    assert (table.split, table.identity) == ("split", "person")
    assert [str(n) for n in table.noticed] == ["6 rows, where the full release has 202,599"]
    assert table.without_unusable() is table


def test_the_folders_of_the_download(root):
    for folder, names in {
        "Anno": ["list_attr_celeba.txt", "identity_CelebA.txt"],
        "Eval": ["list_eval_partition.txt"],
        "Img": ["img_align_celeba"],
    }.items():
        (root / folder).mkdir()
        for name in names:
            (root / name).rename(root / folder / name)
    assert len(load_celeba(root).frame) == 6


def test_tables_as_csv_and_images_two_folders_deep(root):
    images = root / "img_align_celeba"
    images.rename(root / "moved")
    images.mkdir()
    (root / "moved").rename(images / "img_align_celeba")
    for name, header in [("list_attr_celeba", None), ("list_eval_partition", "image_id,partition")]:
        lines = (root / f"{name}.txt").read_text().splitlines()
        if header is None:
            header, lines = ",".join(["image_id", *lines[1].split()]), lines[2:]
        rows = [header, *(",".join(line.split()) for line in lines)]
        (root / f"{name}.csv").write_text("\n".join(rows))
        (root / f"{name}.txt").unlink()
    frame = load_celeba(root).frame
    assert frame["Male"].tolist() == [0, 1, 0, 1, 0, 1]
    assert frame["split"].tolist() == ["train", "validation", "test"] * 2


def test_without_partition_and_identity(root):
    (root / "list_eval_partition.txt").unlink()
    (root / "identity_CelebA.txt").unlink()
    table = load_celeba(root)
    assert list(table.frame) == ["image", "Male", "Smiling", "Wavy_Hair"]
    assert (table.split, table.identity) == (None, None)


def test_a_wrong_count_in_the_first_line_is_noticed(root):
    file = root / "list_attr_celeba.txt"
    file.write_text(file.read_text().replace("6\n", "9\n", 1))
    noticed = [str(notice) for notice in load_celeba(root).noticed]
    assert noticed[0] == "6 rows, where the first line of list_attr_celeba.txt has 9"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("list_attr_celeba.txt", "000002.jpg  1", "000002.jpg", "1 rows with fewer than 4 cells"),
        ("list_attr_celeba.txt", "000002.jpg  1", "000002.jpg  1 1", "too many cells"),
        (
            "list_attr_celeba.txt",
            "000002.jpg  1",
            "000002.jpg  5",
            "other than -1 and 1 for 'Male'",
        ),
        ("list_attr_celeba.txt", "6\n", "", "does not start with a number of rows"),
        ("list_eval_partition.txt", "000003.jpg 2\n", "", r"1 images have no row \(000003\.jpg\)"),
        ("list_eval_partition.txt", "000003.jpg", "000001.jpg", "two rows for 000001.jpg"),
        ("list_eval_partition.txt", "000003.jpg 2", "000003.jpg 7", "other than 0, 1 and 2"),
    ],
)
def test_damaged_tables_say_what_is_wrong(root, file, old, new, said):
    path = root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=said):
        load_celeba(root)


def test_a_missing_part_is_named(root, tmp_path):
    with pytest.raises(DataError, match=r"no folder .*nowhere.*--root"):
        load_celeba(tmp_path / "nowhere")
    (root / "list_attr_celeba.txt").unlink()
    with pytest.raises(DataError, match=r"no table of attributes: expected list_attr_celeba\.txt"):
        load_celeba(root)


def test_missing_and_further_images_are_counted(root):
    (root / "img_align_celeba" / "000004.jpg").unlink()
    write_images(root / "img_align_celeba", ["000099.jpg"])
    table = load_celeba(root)
    assert any("1 images without a row" in str(notice) for notice in table.noticed)
    with pytest.raises(DataError, match=r"1 rows without an image file \(000004\.jpg\)"):
        table.without_unusable()
