import gzip

import numpy as np
import pandas as pd
import pytest

from fairfactor.data.encoding import TableEncoder
from fairfactor.data.splits import benchmark_split
from fairfactor.data.tables import read_table, table_task
from fairfactor.errors import DataError, FairfactorWarning

ROWS = 400


@pytest.fixture
def frame():
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": generator.integers(18, 80, ROWS),
            "city": generator.choice(["Bern", "Basel", "Genf"], ROWS),
            "group": generator.choice(["a", "b"], ROWS),
            "hired": generator.choice(["no", "yes"], ROWS),
        }
    )


def test_a_clean_table_is_taken_whole(frame):
    task = table_task(frame, target="hired", sensitive=["group"], positive="no")
    assert task.input_columns == ("age", "city")
    assert task.class_names == ("yes", "no")
    assert len(task.frame) == ROWS


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ([f"person {i}" for i in range(ROWS)], "400 different texts"),
        (pd.date_range("2020-01-01", periods=ROWS).astype(str), "400 different texts"),
        (np.random.default_rng(1).permutation(ROWS) + 1000, "it numbers the rows"),
        ([None] * ROWS, "it is empty"),
    ],
    ids=["identifiers", "dates", "row numbers", "empty"],
)
def test_a_column_that_cannot_be_an_input_is_named_and_left_out(frame, column, reason):
    frame["odd"] = column
    with pytest.warns(FairfactorWarning, match=rf"not used as inputs: 'odd' \({reason}"):
        task = table_task(frame, target="hired", sensitive=["group"])
    assert task.input_columns == ("age", "city")


def test_what_is_left_can_be_encoded(frame):
    frame["name"] = [f"person {i}" for i in range(ROWS)]
    frame["street"] = [f"street {i % 60}" for i in range(ROWS)]
    with pytest.warns(FairfactorWarning, match="'name'"):
        task = table_task(frame, target="hired", sensitive=["group"])
    train = benchmark_split(task.labels, seed=0)["train"]
    assert "age" in TableEncoder.fit(task.inputs.iloc[train], "one_hot").feature_names


def test_incomplete_rows_are_counted_and_left_out_or_kept(frame):
    frame.loc[:9, "city"] = None
    frame.loc[5:19, "group"] = None
    with pytest.warns(FairfactorWarning, match=r"20 of 400 rows .* 'group' alone has 15"):
        task = table_task(frame, target="hired", sensitive=["group"])
    assert len(task.frame) == 380
    assert len(table_task(frame, target="hired", sensitive=["group"], rows="all").frame) == 400


def test_no_complete_row_is_an_error_with_a_way_out(frame):
    frame["late"] = [None] * 399 + ["x"]
    frame.loc[399, "city"] = None
    with pytest.raises(DataError, match=r"no row is complete: 'late'.*rows='all'"):
        table_task(frame, target="hired", sensitive=["group"])


def test_a_misspelt_column_is_suggested(frame):
    with pytest.raises(DataError, match=r"no column 'grup'.*Did you mean 'group'\?"):
        table_task(frame, target="hired", sensitive=["grup"])


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz", "table.tsv", "table.tsv.gz"])
def test_a_table_is_read_by_the_separator_its_name_tells(tmp_path, name):
    separator = "\t" if ".tsv" in name else ","
    text = separator.join(["a", "b"]) + "\n" + separator.join(["NA", ""]) + "\n"
    content = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    frame = read_table(tmp_path / name)
    assert frame["a"].tolist() == ["NA"]
    assert frame["b"].isna().all()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not a CSV"), (b"a,b\n", "has no rows"), (b"\xff\xfe\x00x", "not a CSV")],
    ids=["empty", "header only", "binary"],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, content, message):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "nothing.csv")
