"""Files of every form give the same table; those of Apache Arrow need pyarrow (extra "tables")."""

import gzip
import sys

import numpy as np
import pandas as pd
import pytest

from fairfactor.data import table_file
from fairfactor.data.table_file import TableFile
from fairfactor.data.tables import SurveyedTable, read_table
from fairfactor.errors import DataError, FairfactorWarning


@pytest.fixture
def frame():
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "whole": generator.integers(0, 99, 120),
            "number": generator.normal(size=120).round(6),
            "text": generator.choice(["x", "yé", "z"], 120),
            "flag": generator.choice([True, False], 120),
        }
    )


def write(frame, path):
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    plain = path.with_name("plain")
    if kind == "csv":
        frame.to_csv(plain, index=False)
    elif kind == "tsv":
        frame.to_csv(plain, index=False, sep="\t")
    else:
        pytest.importorskip("pyarrow", reason="pip install 'fairfactor[tables]'")
        {"parquet": frame.to_parquet, "feather": frame.to_feather}[kind](plain)
    content = plain.read_bytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


FORMS = [f"t.{form}{gz}" for form in ("csv", "tsv", "parquet", "feather") for gz in ("", ".gz")]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_table(frame, tmp_path, name):
    found = read_table(write(frame, tmp_path / name))
    assert list(found.columns) == list(frame.columns)
    np.testing.assert_array_equal(found["whole"], frame["whole"])
    np.testing.assert_array_equal(found["number"], frame["number"])
    assert found["whole"].dtype == "int64"
    assert found["text"].tolist() == frame["text"].tolist()
    assert found["flag"].tolist() == frame["flag"].astype(str).tolist()


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.feather"])
def test_parts_are_small_and_only_the_wanted_columns_are_read(frame, tmp_path, name, monkeypatch):
    monkeypatch.setattr(table_file, "CELLS_PER_PART", 100)
    path = write(frame, tmp_path / name)
    parts = list(TableFile.open(path).parts(["text", "whole"]))
    assert max(map(len, parts)) == 25
    assert set(parts[0].columns) == {"text", "whole"}
    assert pd.concat(parts)["text"].tolist() == frame["text"].tolist()
    pd.testing.assert_frame_equal(
        read_table(path), SurveyedTable.open(path).read(), check_categorical=False
    )


def test_dates_lists_and_decimals_of_parquet(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="pip install 'fairfactor[tables]'")
    from decimal import Decimal

    from pyarrow import parquet

    table = arrow.table(
        {
            "day": pd.date_range("2020-01-01", periods=3),
            "list": [[1], [2, 3], None],
            "price": [Decimal("1.50"), None, Decimal("2.25")],
            "kind": arrow.array(["a", "b", "a"]).dictionary_encode(),
            "number": arrow.array([1, None, 3]),
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    found = SurveyedTable.open(tmp_path / "t.parquet")
    kinds = {name: column.kind for name, column in found.found.columns.items()}
    assert kinds == {
        "day": "date",
        "list": "empty",
        "price": "number",
        "kind": "category",
        "number": "number",
    }
    np.testing.assert_array_equal(found.read()["price"], [1.5, np.nan, 2.25])


def test_without_pyarrow_the_remedy_is_named(frame, tmp_path, monkeypatch):
    path = write(frame, tmp_path / "t.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.ipc", None)
    with pytest.raises(DataError, match=r"needs pyarrow: install it with pip install 'fairfactor"):
        read_table(path)


def test_a_damaged_parquet_file_is_refused_in_one_line(frame, tmp_path):
    path = write(frame, tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"t\.parquet") as caught:
        read_table(path)
    assert "\n" not in str(caught.value)


def test_a_sample_is_drawn_from_a_long_file_the_same_by_seed(frame, tmp_path, monkeypatch):
    monkeypatch.setattr(table_file, "CELLS_PER_PART", 100)
    table = SurveyedTable.open(write(frame, tmp_path / "t.csv"))
    with pytest.warns(FairfactorWarning, match=r"50 of 120 rows are drawn at random"):
        drawn = table.read(most_rows=50, seed=1)
    assert len(drawn) == 50
    rows = np.sort(np.random.default_rng(1).choice(120, 50, replace=False))
    np.testing.assert_array_equal(drawn["number"], frame["number"].iloc[rows])
    assert len(table.read(most_rows=120)) == 120


def test_an_export_of_excel_with_everything(tmp_path):
    text = (
        "sep=;\r\nName ;Pay, CHF;Share;Code;<b>x</b>;class\r\n"
        "Anna;1.234,50;5 %;01234;ja;1\r\n"
        "Bert;999,00;7,5 %;80331;nein;2\r\n"
        ";;;;;\r\n"
        "Zoë;12.000,25;10 %;04109;ja ;n/a\r\n"
        "Summe:;14.233,75;;;;\r\n"
    )
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("utf-8-sig"))
    with pytest.warns(FairfactorWarning) as caught:
        found = read_table(path)
    said = [str(warning.message) for warning in caught]
    assert said == [
        "the last row is a total of the others and is left out.",
        "1 empty rows are left out.",
    ]
    assert list(found.columns) == ["Name", "Pay, CHF", "Share", "Code", "<b>x</b>", "class"]
    assert found["Pay, CHF"].tolist() == [1234.5, 999.0, 12000.25]
    assert found["Share"].tolist() == [5.0, 7.5, 10.0]
    assert found["Code"].tolist() == ["01234", "80331", "04109"]
    assert found["<b>x</b>"].tolist() == ["ja", "nein", "ja"]
    np.testing.assert_array_equal(found["class"], [1, 2, np.nan])
