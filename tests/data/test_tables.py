import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairfactor.data.encoding import TableEncoder
from fairfactor.data.splits import benchmark_split
from fairfactor.data.tables import SurveyedTable, load_table, read_table, table_task
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
        ([f"person {i}" for i in range(ROWS)], "it has 400 different texts"),
        (pd.date_range("2020-01-01", periods=ROWS).astype(str), "it holds dates"),
        (["same"] * ROWS, "it has one value only"),
        (np.random.default_rng(1).permutation(ROWS) + 1000, "it numbers the rows"),
        ([None] * ROWS, "it is empty"),
    ],
    ids=["identifiers", "dates", "constant", "row numbers", "empty"],
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


class TestReadTable:
    GOOD = b"a,b\n1,x\n2,\n"
    PACKED = gzip.compress(GOOD, mtime=0)

    @staticmethod
    def read(path: Path, content: bytes):
        path.write_bytes(content)
        return read_table(path)

    @pytest.mark.parametrize(
        "content", [GOOD, b"\xef\xbb\xbf" + GOOD, GOOD.replace(b"\n", b"\r\n")]
    )
    def test_a_csv_file(self, tmp_path: Path, content: bytes) -> None:
        frame = self.read(tmp_path / "t.csv", content)
        assert frame["a"].tolist() == [1, 2]
        assert frame["b"].iloc[0] == "x"
        assert frame["b"].isna().tolist() == [False, True]

    @pytest.mark.parametrize("name", ["t.csv.gz", "t.csv", "t"])
    def test_a_file_is_gzipped_if_its_content_is(self, tmp_path: Path, name: str) -> None:
        for content in (gzip.compress(self.GOOD), self.GOOD):
            assert self.read(tmp_path / name, content)["a"].tolist() == [1, 2]

    def test_an_empty_cell_is_the_only_missing_value(self, tmp_path: Path) -> None:
        frame = self.read(tmp_path / "t.csv", b"town,n\nNA,1\nNone,2\n,3\n")
        assert frame["town"].iloc[:2].tolist() == ["NA", "None"]
        assert frame["town"].isna().tolist() == [False, False, True]

    @pytest.mark.parametrize("rows", [b"1,x,s\n2,y,s\n", b"0,x,s\n1,y,s\n", b"1,x,s\n2,y\n"])
    def test_surplus_cells_do_not_shift_the_columns(self, tmp_path: Path, rows: bytes) -> None:
        with pytest.raises(DataError, match=r"t\.csv has more cells in a row than names"):
            self.read(tmp_path / "t.csv", b"a,b\n" + rows)

    def test_commas_at_the_ends_of_rows_do_not_shift_the_columns(self, tmp_path: Path) -> None:
        assert self.read(tmp_path / "t.csv", b"a,b\n1,x,\n2,y,\n")["a"].tolist() == [1, 2]

    @pytest.mark.parametrize(
        ("name", "content", "text"),
        [
            ("t.csv", b"", "is not a CSV or TSV file"),
            ("t.csv", b"a,b\n", "has no rows"),
            ("t.csv", b"a,b\n1,2\n3,4,5\n", "is not a CSV or TSV file"),
            ("t.csv", b'a,b\n"1,2\n', "is not a CSV or TSV file"),
            ("t.csv", bytes(range(256)), "is not a CSV or TSV file"),
            ("t.csv.gz", PACKED[:-9], "is not a CSV or TSV file"),
            ("t.csv.gz", PACKED[:12] + b"\xff" * 20, "is not a CSV or TSV file"),
        ],
    )
    def test_anything_else_is_refused_in_one_line(
        self, tmp_path: Path, name: str, content: bytes, text: str
    ) -> None:
        with pytest.raises(DataError, match=rf"^table .*{name} {text}") as caught:
            self.read(tmp_path / name, content)
        assert "\n" not in str(caught.value)

    def test_a_file_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        for path in (tmp_path / "nothing.csv", tmp_path):
            with pytest.raises(DataError, match=r"^table .* cannot be read"):
                read_table(path)


class TestDates:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        days = pd.date_range("2020-01-01", periods=40, freq="20D")
        table = pd.DataFrame(
            {
                "iso": days.astype(str),
                "german": days.strftime("%d.%m.%Y"),
                "american": days.strftime("%m/%d/%Y"),
                "time": [f"10:{n}" for n in range(10, 50)],
                "sex": list("fm") * 20,
                "hired": list("yynn") * 10,
            }
        )
        table.loc[3, "german"] = ""
        table.to_csv(tmp_path / "t.csv", index=False)
        return tmp_path / "t.csv"

    def test_they_are_inputs_as_years(self, path: Path) -> None:
        with pytest.warns(FairfactorWarning, match=r"'time' \(it holds times of day"):
            task = load_table(path, target="hired", sensitive=["sex"])
        assert task.input_columns == ("iso", "german", "american")
        assert task.frame["iso"].iloc[0] == 2020
        np.testing.assert_array_equal(task.frame["iso"], task.frame["american"])
        assert task.frame["german"].isna().sum() == 1
        actions = {column.name: column.action for column in task.plan}
        assert actions["american"] == "standardised; dates as years, the month first"

    def test_new_rows_are_read_as_years_too(self, path: Path) -> None:
        [part] = SurveyedTable.open(path).parts(["iso", "american"], [])
        np.testing.assert_array_equal(part["iso"], part["american"])


class TestTableTask:
    def test_rows_without_a_target_are_left_out_and_whole_numbers_stay_whole(self, frame):
        frame["hired"] = [1.0, 0.0] * (ROWS // 2)
        frame.loc[:9, "hired"] = None
        with pytest.warns(FairfactorWarning, match=r"'hired' has no value in 10 of 400 rows"):
            task = table_task(frame, target="hired", sensitive=["group"])
        assert task.class_names == ("0", "1")
        assert len(task.frame) == ROWS - 10
        frame["hired"] = None
        with pytest.raises(DataError, match="has no value in any row"):
            table_task(frame, target="hired", sensitive=["group"])

    def test_a_number_is_cut_only_if_asked_for(self, frame):
        frame["pay"] = np.random.default_rng(2).normal(size=ROWS)
        with pytest.raises(DataError, match=r"400 different values.*--threshold or --bins"):
            table_task(frame, target="pay", sensitive=["group"])
        task = table_task(frame, target="pay", sensitive=["group"], threshold=0.5)
        assert task.class_names == ("up to 0.5", "above 0.5")
        assert task.labels.sum() == (frame["pay"] > 0.5).sum()
        assert len(table_task(frame, target="pay", sensitive=["group"], bins=3).class_names) == 3

    def test_a_recoding_of_the_target_is_no_input(self, frame):
        frame["code"] = frame["hired"].map({"no": 17, "yes": 4})
        with pytest.warns(FairfactorWarning, match=r"'code' \(it is the target in other words"):
            task = table_task(frame, target="hired", sensitive=["group"])
        assert "code" not in task.input_columns

    def test_the_plan_has_every_column_and_no_value(self, frame):
        frame["customer_id"] = np.random.default_rng(3).permutation(ROWS) * 7
        frame.loc[:3, "age"] = None
        with pytest.warns(FairfactorWarning, match="customer_id"):
            task = table_task(frame, target="hired", sensitive=["group"], rows="all")
        found = {column.name: (column.kind, column.role, column.missing) for column in task.plan}
        assert found == {
            "age": ("number", "input", 4),
            "city": ("category", "input", 0),
            "group": ("category", "sensitive", 0),
            "hired": ("category", "target", 0),
            "customer_id": ("number", "left out", 0),
        }
        assert "training median" in task.plan[0].action
        assert not any(value in str(task.plan) for value in ("Bern", "Genf", "yes"))

    def test_published_parts_are_kept_and_no_input(self, frame, tmp_path):
        frame["part"] = np.resize(["train", "valid", "test", "train"], ROWS)
        frame.to_csv(tmp_path / "t.csv", index=False)
        task = load_table(tmp_path / "t.csv", target="hired", sensitive=["group"], parts="part")
        assert "part" not in task.input_columns
        parts = benchmark_split(task.labels, seed=0, published=task.published)
        np.testing.assert_array_equal(parts["test"], np.arange(2, ROWS, 4))
        assert [c.action for c in task.plan if c.name == "part"] == [
            "says which part a row is in; never an input"
        ]

    def test_columns_that_are_not_worth_reading_are_planned_all_the_same(self, tmp_path):
        rows = 6000
        table = pd.DataFrame(
            {
                "name": [f"person {i}" for i in range(rows)],
                "x": np.arange(rows) % 7,
                "g": ["a", "b"] * (rows // 2),
                "y": [0, 1, 1, 0] * (rows // 4),
                "none": [None] * rows,
            }
        )
        table.to_csv(tmp_path / "t.csv", index=False)
        with pytest.warns(FairfactorWarning, match="'name' .*'none'"):
            task = load_table(tmp_path / "t.csv", target="y", sensitive=["g"])
        assert "name" not in task.frame.columns
        assert [c.name for c in task.plan] == list(table.columns)
        assert [c.distinct for c in task.plan] == [None, 7, 2, 2, 0]
