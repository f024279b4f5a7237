import pandas as pd
import pytest

from fairfactor.data.request import DataRequest
from fairfactor.data.sources import DATA_SETS, is_extracted, load_task
from fairfactor.errors import ArgumentError


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "people.csv"
    frame = pd.DataFrame({"age": [20, 30, 44, 50], "sex": list("fmfm"), "paid": list("nyny")})
    frame.to_csv(path, index=False)
    return str(path)


def test_adult_by_its_name():
    task = load_task(
        DataRequest("adult", sensitive=("race",), rows="all", survey_weight_as_input=True)
    )
    assert task.sensitive_columns == ("race",)
    assert len(task.frame) == 48_842
    assert "fnlwgt" in task.input_columns


def test_a_file_by_its_path(table):
    task = load_task(DataRequest(table, target="paid", sensitive=("sex",), positive="n"))
    assert task.input_columns == ("age",)
    assert task.class_names == ("y", "n")


def test_a_file_needs_a_target(table):
    with pytest.raises(ArgumentError, match=r"target=None.*one of age, sex, paid"):
        load_task(DataRequest(table, sensitive=("sex",)))


@pytest.mark.parametrize("argument", ["target", "positive"])
@pytest.mark.parametrize("data", [data for data in DATA_SETS if not is_extracted(data)])
def test_a_known_data_set_has_its_own_target(data, argument):
    with pytest.raises(ArgumentError, match=rf"{argument}='x'.*nothing for data='{data}'"):
        load_task(DataRequest(data, sensitive=("sex",), **{argument: "x"}))


def test_a_misspelt_name_is_suggested():
    with pytest.raises(ArgumentError, match=r"adult, german, census-income.*mean 'german'\?"):
        load_task(DataRequest("germn", sensitive=("sex",)))


def test_only_adult_has_a_survey_weight_to_feed():
    with pytest.raises(ArgumentError, match="survey_weight_as_input"):
        load_task(DataRequest("census-income", sensitive=("sex",), survey_weight_as_input=True))


def test_arguments_are_checked_before_any_file_is_read():
    with pytest.raises(ArgumentError, match=r"sensitive='sex'.*a tuple of names"):
        load_task(DataRequest("adult", sensitive="sex"))
    with pytest.raises(ArgumentError, match="rows='some'"):
        load_task(DataRequest("adult", sensitive=("sex",), rows="some"))
