from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from tests.estimator.examples import levels, people, quick
from torch import nn

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.estimator import FairFactorClassifier
from fairfactor.model_loading import load_table_model


def test_what_is_loaded_predicts_the_same(tmp_path: Path) -> None:
    X, y, sensitive = levels()
    model = quick(constraint=("equalized_odds<=0.5",), recipes=("low-rank",))
    model.fit(X, y, sensitive_features=sensitive)
    model.save(tmp_path / "model")
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        "config.json",
        "model.safetensors",
    }
    other = FairFactorClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(model.decision_function(X), other.decision_function(X))
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    assert other.get_params() == model.get_params()
    for name in ("message_", "constraint_met_", "group_names_", "n_features_in_"):
        assert getattr(other, name) == getattr(model, name)
    assert other.feature_names_in_.tolist() == model.feature_names_in_.tolist()
    assert other.frontier_ is None
    again = other.fit(X, y, sensitive_features=sensitive)
    np.testing.assert_array_equal(model.decision_function(X), again.decision_function(X))


@pytest.mark.parametrize(
    "values",
    [(0, 1), (False, True), (-1.0, 2.0), ("no", "yes"), np.array(["a", "b"], dtype=object)],
)
def test_classes_keep_their_type(values: tuple[object, ...], tmp_path: Path) -> None:
    X, y, _ = people(60)
    target = np.asarray(values)[y]
    model = quick().fit(X.to_numpy(), target)
    model.save(tmp_path / "model")
    other = FairFactorClassifier.load(tmp_path / "model")
    assert other.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(model.predict(X.to_numpy()), other.predict(X.to_numpy()))
    assert not hasattr(other, "feature_names_in_")


def test_the_command_line_reads_the_folder(tmp_path: Path) -> None:
    X, y, sex = people()
    model = quick(constraint="demographic_parity<=0.1").fit(X, y, sensitive_features=sex)
    model.save(tmp_path / "model")
    X.to_csv(tmp_path / "people.csv", index=False)
    predicted = load_table_model(tmp_path / "model").predict(pd.read_csv(tmp_path / "people.csv"))
    assert predicted["prediction"].astype(int).tolist() == model.predict(X).tolist()


def test_nothing_about_single_rows_is_kept(tmp_path: Path) -> None:
    X, y, sex = people(60)
    quick(minimum_group_size=0).fit(X, y, sensitive_features=sex).save(tmp_path / "model")
    text = (tmp_path / "model" / "config.json").read_text(encoding="utf-8")
    assert str(X["skill"].iloc[3])[:8] not in text


def test_a_backbone_of_the_user_is_asked_for(tmp_path: Path) -> None:
    def build() -> nn.Module:
        network = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid(), nn.Linear(1, 2))
        values = ([[3.0]], [0.0], [[-2.0], [2.0]], [1.0, -1.0])  # decides by the sign of the skill
        weights = zip(network.state_dict(), map(torch.tensor, values), strict=True)
        network.load_state_dict(dict(weights))
        return network

    X, y, sex = people(300)
    number = X[["skill"]].to_numpy()
    model = quick(backbone=build()).fit(number, y, sensitive_features=sex)
    model.save(tmp_path / "model")
    other = FairFactorClassifier.load(tmp_path / "model", backbone=build())
    np.testing.assert_array_equal(model.decision_function(number), other.decision_function(number))
    with pytest.raises(SavedModelError, match=r"backbone of your own: pass the same architecture"):
        FairFactorClassifier.load(tmp_path / "model")
    with pytest.raises(SavedModelError, match="do not fit the model"):
        FairFactorClassifier.load(tmp_path / "model", backbone=nn.Linear(1, 2))
    quick().fit(number, y).save(tmp_path / "plain")
    with pytest.raises(SavedModelError, match=r"without a backbone of your own: leave out"):
        FairFactorClassifier.load(tmp_path / "plain", backbone=build())


def test_refusals(tmp_path: Path) -> None:
    X, y, _ = people(60)
    with pytest.raises(NotFittedError):
        quick().save(tmp_path / "model")
    dates = pd.to_datetime(pd.Series(np.where(y == 1, "2020-01-01", "2021-01-01")))
    with pytest.raises(ArgumentError, match="classes_"):
        quick().fit(X, dates).save(tmp_path / "model")
    quick().fit(X, y).save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["extra"]["origin"]["estimator"]["classes"]["values"] = [1, 0]
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(SavedModelError, match="altered"):
        FairFactorClassifier.load(tmp_path / "model")


def test_a_model_that_is_no_estimator(tuning_folder: object) -> None:
    folder = tuning_folder.path / "model"  # type: ignore[attr-defined]
    with pytest.raises(SavedModelError, match="holds no estimator"):
        FairFactorClassifier.load(folder)
