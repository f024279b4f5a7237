"""Runs, tunings and comparisons on texts: from the source of a data set to predictions."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.feature_extraction.examples import LetterExtractor, review_frame
from tests.studies.examples import DESCRIPTION

from fairfactor import run as commands
from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.data import sources
from fairfactor.data.extracted import extracted_task
from fairfactor.data.request import DataRequest
from fairfactor.errors import ArgumentError, DataError
from fairfactor.prediction import predict_file
from fairfactor.run_folder import RunFolder
from fairfactor.tune_config import TuneConfig


def review_task(request: DataRequest):
    return extracted_task(
        review_frame(), LetterExtractor(), request, target="verdict", positive="good"
    )


@pytest.fixture
def reviews(monkeypatch, letters_are_known, tmp_path) -> str:
    """Name of a data set of texts."""
    source = sources.Source(
        review_task, DESCRIPTION, accepts=frozenset({"target", "positive"}), extracted=True
    )
    monkeypatch.chdir(tmp_path)  # features are kept in runs/features
    monkeypatch.setattr(sources, "SOURCES", {**sources.SOURCES, "reviews": source})
    return "reviews"


def tuned(data, tmp_path, **changes) -> RunFolder:
    config = TuneConfig(data=data, constraint=("demographic_parity<=0.5",), **changes)
    return commands.execute_tuning(config, tmp_path / "run")


class TestTask:
    def test_features_are_the_only_inputs(self):
        task = review_task(DataRequest("reviews", ("sex",)))
        assert task.input_columns == LetterExtractor().feature_names
        assert task.class_names == ("bad", "good")
        expected = LetterExtractor().features(review_frame()["text"]).detach().numpy()
        np.testing.assert_allclose(task.inputs.to_numpy(), expected, rtol=1e-6)

    def test_another_target_has_its_own_positive_class(self):
        request = DataRequest("reviews", ("verdict",), target="sex")
        assert review_task(request).class_names == ("f", "m")

    def test_a_missing_column_is_named(self):
        with pytest.raises(DataError, match=r"no column 'gender'"):
            review_task(DataRequest("reviews", ("gender",)))

    def test_a_target_must_be_named(self):
        with pytest.raises(ArgumentError, match="target=None"):
            extracted_task(review_frame(), LetterExtractor(), DataRequest("x", ("sex",)))

    def test_features_are_computed_once(self, tmp_path):
        request = DataRequest("reviews", ("sex",), feature_cache=tmp_path)
        first, second = (
            extracted_task(review_frame(), extractor, request, target="verdict")
            for extractor in (LetterExtractor(), LetterExtractor())
        )
        assert first.extractor.calls
        assert not second.extractor.calls
        pd.testing.assert_frame_equal(first.frame, second.frame)

    def test_other_processes_are_not_sent_the_extractor(self):
        task = review_task(DataRequest("reviews", ("sex",)))
        assert task.without_extractor.extractor is None
        assert task.without_extractor.frame is task.frame


class TestTuning:
    def test_the_kept_model_reads_texts(self, reviews, tmp_path):
        folder = tuned(reviews, tmp_path)
        model = RunFolder.open(folder.path).load_model()
        frame = review_frame(400, seed=5)
        assert model.columns == {"text": False}
        scores = model.scores(frame)
        assert scores.shape == (400, 2)
        found = np.asarray(model.class_names)[scores.argmax(axis=1)]
        assert (found == frame["verdict"]).mean() > 0.65

    def test_texts_of_a_file_are_predicted(self, reviews, tmp_path):
        model = tuned(reviews, tmp_path).load_model()
        frame = review_frame(30, seed=5)
        frame.to_csv(tmp_path / "new.csv", index=False)
        parts = list(predict_file(model, tmp_path / "new.csv"))
        pd.testing.assert_frame_equal(
            pd.concat(parts), model.predict(frame), check_index_type=False
        )

    def test_a_file_without_the_texts_is_refused(self, reviews, tmp_path):
        model = tuned(reviews, tmp_path).load_model()
        review_frame(5).drop(columns="text").to_csv(tmp_path / "new.csv", index=False)
        with pytest.raises(DataError, match="no column 'text'"):
            list(predict_file(model, tmp_path / "new.csv"))

    def test_no_text_is_written(self, reviews, tmp_path):
        folder = tuned(reviews, tmp_path)
        for file in folder.path.rglob("*"):
            if file.is_file():
                assert review_frame()["text"][0].encode() not in file.read_bytes()

    def test_recipes_that_need_a_hidden_layer_are_left_out(self, reviews, tmp_path):
        points = tuned(reviews, tmp_path).metrics["points"]
        assert {point["recipe"] for point in points} == {"late-features", "one-head"}

    def test_such_a_recipe_alone_is_refused(self, reviews, tmp_path):
        with pytest.raises(ArgumentError, match=r"recipes=\('low-rank',\).*no hidden layer"):
            tuned(reviews, tmp_path, recipes=("low-rank",))

    def test_hidden_layers_on_features(self, reviews, tmp_path):
        folder = tuned(reviews, tmp_path, hidden=(8, 4), recipes=("input-features",))
        assert folder.load_model().widths == (20, 8, 4, 2)


def test_a_run_keeps_a_model_of_texts(reviews, tmp_path):
    config = RunConfig(data=reviews, seeds=2, encoding="one_hot", epochs=1, pretraining_epochs=1)
    seen = []
    folder = commands.execute(
        config, tmp_path / "run", workers=1, on_rows=lambda *at: seen.append(at)
    )
    assert seen[-1] == (300, 300)
    model = folder.load_model()
    assert model.widths == (20, 2)
    assert model.scores(review_frame(3)).shape == (3, 2)


def test_a_comparison(reviews, tmp_path):
    config = CompareConfig(data=reviews, seeds=1, peers=("unmitigated",), settings=1)
    folder = commands.execute_comparison(config, tmp_path / "run", workers=1)
    assert folder.metrics["rows"][0]["key"] == "unmitigated"


def test_a_plan(reviews):
    planned = commands.plan(TuneConfig(data=reviews))
    assert [layer.shape for layer in planned.layers] == [(2, 20)]
    assert json.dumps(planned.data)
