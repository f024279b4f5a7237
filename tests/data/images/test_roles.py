import pandas as pd
import pytest

from fairfactor.data.images.roles import ImageRoles
from fairfactor.data.task import TableTask
from fairfactor.errors import DataError

FRAME = pd.DataFrame(
    {
        "image": list("abcdef"),
        "Smiling": [0, 1, 1, 0, 1, 0],
        "Male": [0, 0, 1, 1, 0, 1],
        "age": [5, 30, 41, 70, 18, 35],
        "race": pd.Categorical(list("xyxyxy")),
    }
)


def test_attributes_are_written_as_words_with_having_it_as_the_positive_class():
    roles = ImageRoles.of(FRAME, "Smiling", ("Male", "race"))
    assert list(roles.frame) == ["image", "Smiling", "Male", "race"]
    assert roles.frame["Male"].tolist()[:3] == ["not Male", "not Male", "Male"]
    assert roles.frame["race"].tolist() == list("xyxyxy")
    task = TableTask(roles.frame, roles.target, roles.sensitive, roles.positive)
    assert task.class_names == ("not Smiling", "Smiling")
    assert task.labels.tolist() == FRAME["Smiling"].tolist()


def test_the_other_class_can_be_the_positive_one():
    roles = ImageRoles.of(FRAME, "Smiling", ("Male",), positive="not Smiling")
    assert roles.positive == "not Smiling"


def test_numbers_are_cut():
    roles = ImageRoles.of(FRAME, "age", ("Male",), threshold=34)
    assert roles.frame["age"].tolist() == ["up to 34"] * 2 + ["above 34"] * 2 + [
        "up to 34",
        "above 34",
    ]
    assert roles.positive is None


def test_columns_are_checked():
    with pytest.raises(DataError, match=r"no column 'Smilling'.*mean 'Smiling'\?"):
        ImageRoles.of(FRAME, "Smilling", ("Male",))
    with pytest.raises(DataError, match="'image' names the images"):
        ImageRoles.of(FRAME, "Smiling", ("image",))
