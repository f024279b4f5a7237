import numpy as np
import pandas as pd
import pytest

from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError, DataError


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "hours": [40, 20, 35, 50],
            "town": ["A", "B", "A", "B"],
            "sex": ["f", "m", "m", "f"],
            "weight": [1.0, 2.0, 3.0, 4.0],
            "hired": ["yes", "no", "no", "yes"],
        }
    )


def test_each_column_plays_its_part(frame):
    task = TableTask(frame, "hired", ("sex",), excluded_columns=("weight",))
    assert task.input_columns == ("hours", "town")
    assert list(task.inputs.columns) == ["hours", "town"]
    assert list(task.sensitive_features.columns) == ["sex"]
    assert task.class_names == ("no", "yes")
    assert task.labels.dtype == np.int64
    assert task.labels.tolist() == [1, 0, 0, 1]


def test_sensitive_columns_are_inputs_only_when_asked(frame):
    task = TableTask(frame, "hired", ("sex",), sensitive_as_inputs=True)
    assert task.input_columns == ("hours", "town", "sex", "weight")


def test_excluded_sensitive_columns_are_never_inputs(frame):
    task = TableTask(frame, "hired", ("sex",), excluded_columns=("sex",), sensitive_as_inputs=True)
    assert "sex" not in task.input_columns


def test_the_positive_label_becomes_class_1(frame):
    task = TableTask(frame, "hired", ("sex",), positive_label="no")
    assert task.class_names == ("yes", "no")
    assert task.labels.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("values", [[1, 0, 0, 1], [True, False, False, True], [1.0, -1, -1, 1]])
def test_numbers_and_booleans_are_classes(frame, values):
    task = TableTask(frame.assign(hired=values), "hired", ("sex",), positive_label=values[0])
    assert task.labels.tolist() == [1, 0, 0, 1]
    assert task.class_names[1] == str(values[0])


def test_the_positive_label_is_compared_as_text(frame):
    task = TableTask(frame.assign(hired=[1, 0, 0, 1]), "hired", ("sex",), positive_label="0")
    assert task.labels.tolist() == [0, 1, 1, 0]


def test_more_than_two_classes_are_sorted(frame):
    task = TableTask(frame.assign(hired=[10, 9, 2, 10]), "hired", ("sex",))
    assert task.class_names == ("2", "9", "10")
    assert task.labels.tolist() == [2, 1, 0, 2]


def test_the_index_of_the_table_does_not_matter(frame):
    task = TableTask(frame.set_index(pd.Index([7, 7, 3, 1])), "hired", ("sex",))
    assert task.labels.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("changes", "arguments", "text"),
    [
        ({}, {"target": "hird"}, "no column 'hird'.*Did you mean 'hired'"),
        ({}, {"sensitive_columns": ("sexe",)}, "no column 'sexe'.*Did you mean 'sex'"),
        ({}, {"sensitive_columns": ("zzz",)}, "no column 'zzz': it has hours, town, sex"),
        ({}, {"excluded_columns": ("wait",)}, "no column 'wait'"),
        ({"hired": ["yes", None, "no", None]}, {}, "'hired' has no value in 2 of 4 rows"),
        ({"hired": "yes"}, {}, "'hired' has 1 different values: expected 2 to 100"),
        ({"hired": ["a", "b", "c", "a"]}, {"positive_label": "a"}, "3 classes.*exactly two"),
        ({}, {"positive_label": "maybe"}, "no class 'maybe': expected .* 'no' or 'yes'"),
        ({}, {"sensitive_columns": ("hired",)}, "both the target and sensitive"),
        ({}, {"excluded_columns": ("hours", "town", "weight")}, "no column is left as an input"),
    ],
)
def test_unusable_tables_are_refused(frame, changes, arguments, text):
    arguments = {"target": "hired", "sensitive_columns": ("sex",)} | arguments
    with pytest.raises(DataError, match=text):
        TableTask(frame.assign(**changes), **arguments)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda frame: frame.iloc[:0], "at least one row"),
        (lambda frame: frame[[]], "at least one row and column"),
        (lambda frame: pd.concat([frame, frame[["town"]]], axis=1), "'town' is in the table twice"),
        (lambda frame: frame.rename(columns={"town": 3}), "column name 3 is not text"),
    ],
)
def test_unusable_shapes_are_refused(frame, change, text):
    with pytest.raises(DataError, match=text):
        TableTask(change(frame), "hired", ("sex",))


def test_numbers_are_refused_as_target_and_as_groups():
    rows = np.arange(200)
    frame = pd.DataFrame({"a": rows, "income": rows * 1.5, "age": rows // 2, "y": rows % 2})
    with pytest.raises(DataError, match="'income' has 200 different values"):
        TableTask(frame, "income", ("y",))
    with pytest.raises(DataError, match=r"sensitive column 'age' has 100 .*age bands"):
        TableTask(frame, "y", ("age",))


@pytest.mark.parametrize(
    "arguments",
    [
        {"sensitive_columns": "sex"},
        {"sensitive_columns": ()},
        {"sensitive_columns": ("sex",), "excluded_columns": "weight"},
    ],
)
def test_arguments_of_the_wrong_form_are_refused(frame, arguments):
    with pytest.raises(ArgumentError, match=r"_columns="):
        TableTask(frame, "hired", **arguments)
