import gzip

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from tests.data.images.made_up import packed, write_images

from fairfactor.data.images.lfw import load_lfw
from fairfactor.errors import DataError

NAMES = ["Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0002.jpg", "Bo_O/Bo_O_0001.jpg"]
KUMAR = (
    "# Attribute values computed for LFW dataset.\n"
    "#\tperson\timagenum\tMale\tHeavy Makeup\n"
    "Ann Lee\t1\t-1.5\t0.75\n"
    "Ann Lee\t2\t-0.25\t-0.5\n"
    "Bo O\t1\t2.0\t-1.25\n"
)
LABELS = np.array([[0, 1], [0, 0], [1, 0]], dtype=float)


@pytest.fixture
def root(tmp_path):
    write_images(tmp_path / "lfw-deepfunneled", NAMES)
    return tmp_path


def cells(texts):
    array = np.empty((len(texts), 1), dtype=object)
    array[:, 0] = texts
    return array


def lfwa(root, names=NAMES, labels=LABELS):
    savemat(
        root / "lfw_att_40.mat",
        {
            "AttrName": cells(["Male", "Heavy_Makeup"]),
            "name": cells([name.replace("/", "\\") for name in names]),
            "label": labels,
        },
    )
    savemat(root / "indices_train_test.mat", {"indices_img_test": np.array([[3.0]])})


def lfwa_73(root):
    """The same as MATLAB 7.3 writes it: HDF5, axes reversed, texts as references to codes."""
    with h5py.File(root / "lfw_att_40.mat", "w", userblock_size=512) as file:
        for variable, texts in {"AttrName": ["Male", "Heavy_Makeup"], "name": NAMES}.items():
            references = []
            for place, text in enumerate(texts):
                codes = np.array([[ord(c)] for c in text.replace("/", "\\")], dtype=np.uint16)
                references.append(file.create_dataset(f"#refs#/{variable}{place}", data=codes).ref)
            file.create_dataset(variable, data=np.array([references], dtype=h5py.ref_dtype))
        file["label"] = LABELS.T
    with h5py.File(root / "indices_train_test.mat", "w", userblock_size=512) as file:
        file["indices_img_test"] = np.array([[3.0]])
    for name in ("lfw_att_40.mat", "indices_train_test.mat"):
        with (root / name).open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def test_kumars_scores(root):
    (root / "lfw_attributes.txt").write_text(KUMAR)
    table = load_lfw(root)
    assert table.frame["image"].tolist() == NAMES
    assert table.frame["person"].tolist() == ["Ann Lee", "Ann Lee", "Bo O"]
    assert table.frame["score of Heavy_Makeup"].tolist() == [0.75, -0.5, -1.25]
    assert (table.split, table.identity, table.centre) == (None, "person", 0.6)
    assert table.without_unusable() is table


@pytest.mark.parametrize("write", [lfwa, lfwa_73])
def test_the_lfwa_table_of_both_versions_of_matlab(root, write):
    write(root)
    table = load_lfw(root)
    assert table.frame["image"].tolist() == NAMES
    assert table.frame["Male"].tolist() == [0, 0, 1]
    assert table.frame["Heavy_Makeup"].tolist() == [1, 0, 0]
    assert table.frame["split"].tolist() == ["train", "train", "test"]
    assert table.split == "split"


def test_both_tables_are_joined(root):
    lfwa(root)
    (root / "lfw_attributes.txt").write_text(KUMAR)
    frame = load_lfw(root).frame
    assert set(frame) >= {"Male", "score of Male", "person", "split"}
    assert frame["score of Male"].tolist() == [-1.5, -0.25, 2.0]


def test_tables_that_disagree_are_refused(root):
    lfwa(root, names=[*NAMES[:2], "Cy_X/Cy_X_0001.jpg"])
    (root / "lfw_attributes.txt").write_text(KUMAR)
    with pytest.raises(DataError, match=r"not have the same images: 2 are in one alone, as Bo_O"):
        load_lfw(root)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("person,imagenum\n", "does not start as Kumar's table"),
        (KUMAR.replace("\t2.0", ""), "without all its 2 scores"),
        (KUMAR.replace("2.0", "yes"), "without all its 2 scores"),
    ],
)
def test_another_file_is_not_taken_for_kumars(root, text, said):
    (root / "lfw_attributes.txt").write_text(text)
    with pytest.raises(DataError, match=said):
        load_lfw(root)


def test_a_damaged_lfwa_table_is_refused(root):
    lfwa(root, labels=LABELS[:2])
    with pytest.raises(DataError, match=r"labels of shape \(2, 2\)"):
        load_lfw(root)
    (root / "lfw_att_40.mat").write_bytes(b"no MATLAB file" * 20)
    with pytest.raises(DataError, match="no MATLAB file"):
        load_lfw(root)


def test_without_any_table(root):
    with pytest.raises(DataError, match=r"no attributes: expected lfw_att_40\.mat or lfw_attrib"):
        load_lfw(root)


def test_the_compact_form(tmp_path):
    names = [name.split("/")[1] for name in NAMES]
    root = packed(tmp_path / "lfwa", names, "attributes.csv.gz", "")
    rows = ["file,person,imagenum,official_split,Male,Smiling"]
    rows += [
        f"{name},{name[:-9]},1,{part},1,0"
        for name, part in zip(names, ("train", "train", "test"), strict=True)
    ]
    (root / "attributes.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    table = load_lfw(root)
    assert table.frame["split"].tolist() == ["train", "train", "test"]
    assert (table.split, table.identity, table.centre) == ("split", "person", 1.0)
    assert table.without_unusable() is table
