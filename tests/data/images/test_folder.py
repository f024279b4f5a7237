import pytest
from tests.data.images.made_up import write_images

from fairfactor.data.images.folder import load_folder
from fairfactor.errors import DataError

NAMES = ["a/1.jpg", "a/2.jpg", "b/1.png"]


@pytest.fixture
def images(tmp_path):
    write_images(tmp_path / "images", NAMES)
    return tmp_path / "images"


def labels(images, text):
    file = images.parent / "labels.csv"
    file.write_text(text)
    return file


@pytest.mark.parametrize("names", [NAMES, ["./a/1.jpg", "a\\2.jpg", "b/1"], ["a/1", "a/2", "b/1"]])
def test_the_column_of_images_is_found(images, names):
    rows = "\n".join(f"{place},{name},{place % 2}" for place, name in enumerate(names))
    table = load_folder(images, labels(images, f"number,picture,smiles\n{rows}\n"))
    assert table.frame["image"].tolist() == NAMES
    assert table.frame["smiles"].tolist() == [0, 1, 0]
    assert table.noticed == ()


def test_a_column_can_be_named(images):
    file = labels(images, "first,second,y\na/1.jpg,a/2.jpg,1\nb/1.png,a/1.jpg,0\n")
    assert load_folder(images, file, column="second").frame["image"].tolist() == NAMES[1::-1]
    with pytest.raises(DataError, match="no column 'third'"):
        load_folder(images, file, column="third")


def test_rows_without_an_image_stay_to_be_counted(images):
    table = load_folder(images, labels(images, "image,y\na/1.jpg,1\na/7.jpg,0\n"))
    with pytest.raises(DataError, match=r"1 rows without an image file \(a/7\.jpg\)"):
        table.without_unusable()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,y\nnone.jpg,1\n", r"no column.*the first image is 'a/1\.jpg'.*--images"),
        ("image,y\na/1.jpg,1\n,0\n", "names no image in 1 rows"),
        ("image,file,y\nx,a/1.jpg,1\n", "column 'image' does not name the images"),
    ],
)
def test_a_table_of_other_images_is_refused(images, text, said):
    with pytest.raises(DataError, match=said):
        load_folder(images, labels(images, text))
