"""A file is predicted part by part as the whole table would be."""

import gzip

import numpy as np
import pandas as pd
import pytest
from tests.studies.examples import hiring_frame

from fairfactor.data import table_file
from fairfactor.errors import DataError, FairfactorWarning
from fairfactor.prediction import predict_file
from fairfactor.run_folder import RunFolder


@pytest.fixture
def model(tuning_folder: RunFolder):
    return tuning_folder.load_model()


def predict(model, path):
    return pd.concat(list(predict_file(model, path)))


@pytest.mark.parametrize("cells", [50, 1_000_000])
def test_parts_are_predicted_as_the_whole(model, tmp_path, monkeypatch, cells):
    monkeypatch.setattr(table_file, "CELLS_PER_PART", cells)
    frame = hiring_frame(300, seed=5).drop(columns=["hired", "sex"])
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = predict(model, tmp_path / "t.csv")
    expected = model.predict(frame)
    assert found["prediction"].tolist() == expected["prediction"].tolist()
    np.testing.assert_allclose(found.iloc[:, 1], expected.iloc[:, 1], rtol=1e-5, atol=1e-6)


def test_another_separator_order_notation_and_compression_change_nothing(model, tmp_path):
    frame = hiring_frame(200, seed=6)
    frame[["hours", "skill", "town"]].to_csv(tmp_path / "a.csv", index=False)
    other = frame[["town", "skill", "hours"]].to_csv(index=False, sep=";", decimal=",")
    (tmp_path / "b.csv").write_bytes(gzip.compress(other.encode("utf-8-sig")))
    first, second = (predict(model, tmp_path / name) for name in ("a.csv", "b.csv"))
    pd.testing.assert_frame_equal(first, second)


def test_what_the_model_does_not_know_is_counted_over_all_parts(model, tmp_path, monkeypatch):
    monkeypatch.setattr(table_file, "CELLS_PER_PART", 40)
    frame = hiring_frame(100, seed=7)
    frame["hours"] = frame["hours"].astype(object)
    frame.loc[::10, "town"] = "Atlantis"
    frame.loc[::50, "hours"] = "n/a"
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(FairfactorWarning) as caught:
        assert len(predict(model, tmp_path / "t.csv")) == 100
    numbers, categories = (str(warning.message) for warning in caught)
    assert numbers.startswith("column 'hours': 2 of 100 values are missing; the training median")
    assert categories.startswith("column 'town': 10 of 100 values were not in the training rows")


def test_a_missing_column_and_texts_for_numbers_are_errors(model, tmp_path):
    frame = hiring_frame(20)
    frame.drop(columns="town").to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="no column 'town'"):
        predict(model, tmp_path / "t.csv")
    frame.assign(skill=["good", "bad"] * 10).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=r"'skill' has the value 'good': expected a number"):
        predict(model, tmp_path / "t.csv")


def test_rows_keep_their_place_even_if_they_are_empty(model, tmp_path):
    (tmp_path / "t.csv").write_text("skill,hours,town\n1,2,A\n,,\n3,4,B\n")
    with pytest.warns(FairfactorWarning):
        assert len(predict(model, tmp_path / "t.csv")) == 3
