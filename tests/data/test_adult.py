import gzip
import hashlib
from dataclasses import replace

import pytest
from scripts.build_adult import adult_csv, compress, main

from fairfactor.data import adult
from fairfactor.data.adult import ADULT_FILE, ADULT_SHA256, RAW_COLUMNS, adult_task, load_adult
from fairfactor.data.encoding import TableEncoder
from fairfactor.data.splits import benchmark_split
from fairfactor.errors import ArgumentError, DataError


@pytest.fixture(scope="module")
def everyone():
    return load_adult("all")


def test_the_shipped_file_has_the_documented_content():
    assert hashlib.sha256(gzip.decompress(ADULT_FILE.read_bytes())).hexdigest() == ADULT_SHA256


def test_attribution_is_shipped_beside_the_data():
    text = (adult.files("fairfactor.data") / "resources" / "ATTRIBUTION.md").read_text("utf-8")
    for part in ("Becker", "Kohavi", "CC BY 4.0", "10.24432/C5XW20", "Changes made"):
        assert part in text


def test_adult_is_complete_and_raw(everyone):
    assert tuple(everyone.columns) == (*RAW_COLUMNS, "split")
    assert everyone["split"].value_counts().to_dict() == {"train": 32_561, "test": 16_281}
    missing = everyone.isna().sum()
    assert missing[missing > 0].to_dict() == {
        "workclass": 2_799,
        "occupation": 2_809,
        "native-country": 857,
    }
    assert not (everyone == "?").any(axis=None)


def test_incomes_by_sex_are_the_published_ones(everyone):
    earns_more = everyone["income"] == ">50K"
    assert set(everyone["income"]) == {"<=50K", ">50K"}
    assert earns_more.groupby(everyone["sex"]).agg(["sum", "count"]).to_dict("index") == {
        "Female": {"sum": 1_769, "count": 16_192},
        "Male": {"sum": 9_918, "count": 32_650},
    }


def test_complete_rows_are_the_default():
    frame = load_adult()
    assert frame["split"].value_counts().to_dict() == {"train": 30_162, "test": 15_060}
    assert not frame.isna().any(axis=None)
    assert list(frame.index) == list(range(45_222))


def test_an_unknown_choice_of_rows_is_refused():
    with pytest.raises(ArgumentError, match=r"rows='some'.*complete"):
        load_adult("some")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (gzip.compress(b"age\n39\n", mtime=0), "altered"),
        (ADULT_FILE.read_bytes()[:-1000], "cannot be read"),
        (b"no gzip", "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, monkeypatch, content, text):
    damaged = tmp_path / "adult.csv.gz"
    damaged.write_bytes(content)
    monkeypatch.setattr(adult, "ADULT_FILE", damaged)
    with pytest.raises(DataError, match=f"{text}.*Reinstall"):
        load_adult()


def test_inputs_leave_out_the_sensitive_feature_the_weight_and_the_marks():
    task = adult_task()
    withheld = {"sex", "fnlwgt", "split", "income", "age-group"}
    assert set(task.input_columns) == set(RAW_COLUMNS) - withheld
    assert task.class_names == ("<=50K", ">50K")
    assert task.labels.mean() == pytest.approx(0.2478, abs=1e-4)


def test_the_official_test_rows_can_be_kept():
    task = adult_task(parts="split")
    parts = benchmark_split(task.labels, seed=3, published=task.published)
    assert (task.frame["split"].iloc[parts["test"]] == "test").all()
    assert len(parts["test"]) == 15_060
    assert len(parts["train"]) + len(parts["validation"]) == 30_162
    assert adult_task().published is None


def test_age_groups_have_the_documented_bounds():
    task = adult_task(("age-group",))
    ages = task.frame.groupby("age-group")["age"].agg(["min", "max"])
    assert ages.loc["under 25"].to_list() == [17, 24]
    assert ages.loc["25 to 59"].to_list() == [25, 59]
    assert ages.loc["60 and over"].to_list() == [60, 90]


def test_age_is_an_input_unless_age_groups_are_sensitive():
    assert "age" in adult_task(("sex", "race")).input_columns
    assert "age" not in adult_task(("sex", "age-group")).input_columns
    asked = adult_task(("sex", "age-group"), sensitive_as_inputs=True)
    assert {"sex", "age"} <= set(asked.input_columns)


def test_several_sensitive_features_stand_side_by_side():
    task = adult_task(("sex", "race", "age-group"))
    assert list(task.sensitive_features.columns) == ["sex", "race", "age-group"]
    assert len(task.sensitive_features.drop_duplicates()) == 2 * 5 * 3


def test_an_unknown_sensitive_feature_names_the_nearest():
    with pytest.raises(DataError, match=r"no column 'agegroup'.*Did you mean 'age-group'"):
        adult_task(("agegroup",))


@pytest.mark.parametrize(("encoding", "inputs"), [("label", 12), ("one_hot", 101)])
def test_number_of_inputs_of_each_encoding(encoding, inputs):
    features = TableEncoder.fit(adult_task().inputs, encoding).transform(adult_task().inputs)
    assert features.shape == (45_222, inputs)


def test_the_papers_13_inputs_include_the_survey_weight():
    task = replace(adult_task(), excluded_columns=("split", "age-group"))
    assert set(task.input_columns) == set(RAW_COLUMNS) - {"sex", "income"}
    assert len(TableEncoder.fit(task.inputs, "label").feature_names) == 13


@pytest.fixture
def raw_folder(tmp_path):
    features = ", ".join(["39", "?", *(["x"] * 12)])
    (tmp_path / "adult.data").write_text(f"{features}, <=50K\n\n")
    (tmp_path / "adult.test").write_text(f"|1x3 Cross validator\n{features}, >50K.\n\n")
    return tmp_path


def test_the_script_cleans_the_raw_files(raw_folder):
    assert adult_csv(raw_folder).decode().splitlines() == [
        ",".join([*RAW_COLUMNS, "split"]),
        "39,," + "x," * 12 + "<=50K,train",
        "39,," + "x," * 12 + ">50K,test",
    ]


def test_the_script_says_when_the_raw_files_are_others(raw_folder, capsys):
    output = raw_folder / "out.csv.gz"
    assert main([str(raw_folder), "--output", str(output)]) == 1
    assert ADULT_SHA256 in capsys.readouterr().err
    assert output.read_bytes() == compress(adult_csv(raw_folder))


def test_compression_holds_no_time_and_no_name():
    assert compress(b"x")[3:8] == bytes(5)
