from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.estimator.examples import levels, people, quick
from torch import nn

from fairfactor.errors import ArgumentError, DataError, FairfactorWarning
from fairfactor.estimator import FairFactorClassifier, fitting
from fairfactor.fairness import fairness_metrics
from fairfactor.groups import encode_groups
from fairfactor.mitigation import Constraint, Tuned, tune
from fairfactor.models.mlp import build_mlp
from fairfactor.part import Part
from fairfactor.problem import PretrainedProblem
from fairfactor.training import train_network


def spy_on_tune(monkeypatch: pytest.MonkeyPatch) -> list[tuple[PretrainedProblem, dict[str, Any]]]:
    """Let a fit tune as always, and note what it asks for."""
    seen = []

    def spy(problem: PretrainedProblem, **options: Any) -> Tuned:
        seen.append((problem, options))
        return tune(problem, **options)

    monkeypatch.setattr(fitting, "tune", spy)
    return seen


@pytest.fixture(scope="module")
def fair() -> FairFactorClassifier:
    X, y, sex = people()
    return quick(constraint="demographic_parity<=0.1").fit(X, y, sensitive_features=sex)


class TestDecisions:
    def test_a_bound_on_the_gap_is_kept_on_new_rows(self, fair: FairFactorClassifier) -> None:
        assert fair.constraint_met_
        assert fair.message_.startswith("Validation accuracy ")
        X, y, sex = people(3000, seed=8)
        free = quick().fit(*people()[:2])
        gap = "demographic_parity_difference"
        groups = encode_groups(sex)
        before = fairness_metrics(y.to_numpy(), free.predict(X), groups)
        after = fairness_metrics(y.to_numpy(), fair.predict(X), groups)
        assert before[gap] > 0.2
        assert after[gap] < 0.13
        assert after["accuracy"] > 0.7

    def test_scores_decide_and_probabilities_tell_of_the_label(
        self, fair: FairFactorClassifier
    ) -> None:
        X, y, _ = people(seed=8)
        decided, scores = fair.predict(X), fair.decision_function(X)
        probabilities = fair.predict_proba(X)
        assert scores.dtype == probabilities.dtype == np.float64
        np.testing.assert_array_equal(decided, (scores > 0).astype(int))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        likely = probabilities.argmax(axis=1)
        assert (likely != decided).any()
        assert (likely == y).mean() > (decided == y).mean()

    def test_the_network_gives_the_same_scores(self, fair: FairFactorClassifier) -> None:
        X, _, _ = people(seed=8)
        inputs = torch.from_numpy(fair.encoder_.transform(X))
        scores = fair.model_(inputs).numpy()
        np.testing.assert_allclose(fair.decision_function(X), scores[:, 1], atol=1e-5)
        cells = fair.model_.cell_model(inputs).sum(dim=2).numpy()
        np.testing.assert_allclose(fair.predict_proba(X), cells, atol=1e-5)

    def test_many_classes_and_intersections(self) -> None:
        X, y, sensitive = levels()
        model = quick(constraint=["equalized_odds<=0.5", "accuracy>=0.5"])
        model.fit(X, y, sensitive_features=sensitive)
        assert model.classes_.tolist() == ["low", "mid", "top"]
        assert "c × m" in model.group_names_
        assert len(model.group_names_) == 6
        scores = model.decision_function(X)
        assert scores.shape == model.predict_proba(X).shape == (900, 3)
        np.testing.assert_array_equal(model.predict(X), model.classes_[scores.argmax(axis=1)])
        assert model.score(X, y) > 0.5

    def test_every_parameter_reaches_the_tuning(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = spy_on_tune(monkeypatch)
        X, y, sex = people(400)
        model = quick(
            constraint="demographic_parity <= 10%, accuracy>=0.6",
            confidence=0.7,
            recipes=["input-features"],
            hidden=[5],
            validation_fraction=0.25,
            random_state=np.int64(7),
        )
        model.fit(X, y, sensitive_features=sex)
        [(problem, options)] = seen
        assert options == {
            "constraints": [Constraint("demographic_parity", 0.1), Constraint("accuracy", 0.6)],
            "confidence": 0.7,
            "recipes": ["input-features"],
            "seed": 7,
        }
        assert len(problem.validation.labels) == 100
        assert problem.class_names == ("0", "1")
        assert problem.group_names == ("f", "m")
        expected = build_mlp((model.encoder_.transform(X).shape[1], 5, 2), seed=7)
        train_network(expected, problem.train, seed=7)
        for one, other in zip(expected.parameters(), problem.backbone.parameters(), strict=True):
            torch.testing.assert_close(one, other)

    def test_without_groups_it_is_plain_and_says_so(self) -> None:
        X, y, _ = people()
        model = quick().fit(X, y)
        assert model.message_.startswith("Fitted without sensitive_features: a plain network")
        assert (model.frontier_, model.constraint_met_, model.group_names_) == (None, None, ())
        likely = model.classes_[model.predict_proba(X).argmax(axis=1)]
        np.testing.assert_array_equal(likely, model.predict(X))

    def test_the_default_recipes_on_few_rows(self) -> None:
        X, y, sex = people(200)
        model = FairFactorClassifier(hidden=(6, 4), random_state=0, minimum_group_size=0)
        model.fit(X, y, sensitive_features=sex)
        assert model.frontier_ is not None
        assert {p.recipe for p in model.frontier_.points} > {"low-rank"}


class TestInputs:
    def test_a_frame_of_pandas_of_polars_and_lists_give_the_same(self) -> None:
        polars = pytest.importorskip("polars")
        X, y, sex = people(300)
        first = quick().fit(X, y, sensitive_features=sex)
        frame = polars.DataFrame(X.to_dict("list"))
        second = quick().fit(
            frame, polars.Series(y.tolist()), sensitive_features=polars.Series(sex.tolist())
        )
        assert first.feature_names_in_.tolist() == second.feature_names_in_.tolist()
        np.testing.assert_array_equal(first.decision_function(X), second.decision_function(frame))
        third = quick().fit(X.to_numpy(), y.tolist(), sensitive_features=[[s] for s in sex])
        assert third.get_feature_names()[:3].tolist() == ["x0", "x1=A", "x1=B"]
        np.testing.assert_array_equal(
            first.decision_function(X), third.decision_function(X.to_numpy())
        )

    def test_names_and_types_of_the_columns_are_kept(self, fair: FairFactorClassifier) -> None:
        assert fair.feature_names_in_.tolist() == ["skill", "town", "club"]
        assert fair.get_feature_names()[:4].tolist() == ["skill", "town=A", "town=B", "town=C"]
        X, _, _ = people(20)
        with pytest.raises(ValueError, match="feature names"):
            fair.predict(X.rename(columns={"town": "city"}))
        with pytest.raises(ValueError, match="feature names"):
            fair.predict(X[["town", "skill", "club"]])

    def test_categories_booleans_and_missing_values(self) -> None:
        X, y, sex = people(300)
        X = X.assign(town=X["town"].astype("category"), tall=X["skill"] > 0.5)
        X.loc[X.index[::7], "skill"] = np.nan
        X.loc[X.index[::9], "town"] = None
        with pytest.warns(FairfactorWarning, match=r"skill'.*missing; the training median"):
            model = quick().fit(X, y, sensitive_features=sex)
        assert "town=(missing)" in model.get_feature_names()
        assert "tall=True" in model.get_feature_names()
        with pytest.warns(FairfactorWarning, match="missing"):
            assert model.score(X, y) > 0.7

    def test_infinite_numbers_and_dates_are_refused(self) -> None:
        X, y, _ = people(100)
        with pytest.raises(DataError, match=r"'skill' has the value inf"):
            quick().fit(X.assign(skill=np.inf), y)
        with pytest.raises(DataError, match=r"'born' has type datetime64"):
            quick().fit(X.assign(born=pd.Timestamp("2000-01-01")), y)

    def test_a_sensitive_input_is_pointed_out(self) -> None:
        X, y, sex = people(200)
        for sensitive in (sex, sex.to_frame(), {"sex": sex}):
            with pytest.warns(FairfactorWarning, match=r"sensitive features 'sex'.*Drop"):
                quick().fit(X.assign(sex=sex), y, sensitive_features=sensitive)

    def test_rows_in_another_order_give_the_same_model(self, fair: FairFactorClassifier) -> None:
        X, y, sex = people()
        order = np.random.default_rng(0).permutation(len(X))
        other = quick(constraint="demographic_parity<=0.1").fit(
            X.iloc[order], y.iloc[order], sensitive_features=sex.iloc[order]
        )
        np.testing.assert_array_equal(fair.decision_function(X), other.decision_function(X))

    def test_weights_count_as_copies_that_never_straddle_the_parts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = spy_on_tune(monkeypatch)
        X, y, sex = people(300)
        weight = np.random.default_rng(0).integers(0, 4, 300)
        quick().fit(X, y, sensitive_features=sex, sample_weight=weight)
        [(problem, _)] = seen
        parts: list[Part] = [problem.train, problem.validation]
        assert sum(len(part.labels) for part in parts) == weight.sum()
        rows = [{tuple(row) for row in part.inputs.tolist()} for part in parts]
        assert not rows[0] & rows[1]


class TestBackbone:
    def test_a_network_of_the_user_is_copied_and_sees_the_numbers_as_they_are(self) -> None:
        X, y, sex = people()
        numbers = X[["skill"]].to_numpy() * 7 + 3
        network = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 2))
        before = [p.clone() for p in network.parameters()]
        model = quick(backbone=network).fit(numbers, y)
        expected = network.double()(torch.from_numpy(numbers.astype(np.float32)).double())
        np.testing.assert_allclose(
            model.predict_proba(numbers), expected.softmax(1).detach().numpy(), rtol=1e-6
        )
        network.float()
        model = quick(backbone=network, constraint="demographic_parity<=0.1")
        model.fit(numbers, y, sensitive_features=sex)
        for old, new in zip(before, network.parameters(), strict=True):
            torch.testing.assert_close(old, new, rtol=0, atol=0)
        assert network.training
        shares = network.double()(torch.from_numpy(numbers.astype(np.float32)).double()).softmax(1)
        np.testing.assert_allclose(
            model.predict_proba(numbers), shares.detach().numpy(), rtol=1e-6
        )  # the frozen recipes keep p(y | x)

    @pytest.mark.parametrize("network", [nn.Linear(3, 2), nn.Linear(1, 3), nn.LSTM(1, 2)])
    def test_one_that_does_not_fit(self, network: nn.Module) -> None:
        X, y, _ = people(100)
        with pytest.raises(ArgumentError, match=r"backbone='L.*rows × 1\) to logits \(rows × 2\)"):
            quick(backbone=network).fit(X[["skill"]], y)


class TestRandomness:
    def test_the_seed_is_all_that_matters(self) -> None:
        X, y, _ = people(200)
        torch.manual_seed(1)
        first = quick().fit(X, y).decision_function(X)
        torch.manual_seed(2)
        state = torch.random.get_rng_state()
        np.testing.assert_array_equal(first, quick().fit(X, y).decision_function(X))
        assert torch.equal(state, torch.random.get_rng_state())
        other = quick(random_state=1).fit(X, y).decision_function(X)
        assert not np.array_equal(first, other)

    def test_a_generator_moves_on(self) -> None:
        X, y, _ = people(100)
        model = quick(random_state=np.random.RandomState(0))
        first = model.fit(X, y).decision_function(X)
        assert not np.array_equal(first, model.fit(X, y).decision_function(X))

    def test_pickle_as_scikit_learn_needs_it(self, fair: FairFactorClassifier) -> None:
        X, _, _ = people(30)
        other = pickle.loads(pickle.dumps(fair))
        np.testing.assert_array_equal(fair.decision_function(X), other.decision_function(X))
        assert len(other.frontier_) == len(fair.frontier_)


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"constraint": "equalised<=0.1"}, "metric='equalized' is not"),
            ({"constraint": "demographic_parity<=0.1"}, "sensitive_features=None"),
            ({"confidence": 1.0}, "confidence=1.0"),
            ({"recipes": ("low_rank",)}, "Did you mean 'low-rank'"),
            ({"hidden": ()}, r"hidden=\(\)"),
            ({"hidden": (8, 0)}, "hidden=0"),
            ({"validation_fraction": 1}, "validation_fraction=1"),
            ({"minimum_group_size": -1}, "minimum_group_size=-1"),
        ],
    )
    def test_parameters(self, changes: dict[str, object], text: str) -> None:
        X, y, _ = people(50)
        with pytest.raises(ArgumentError, match=text):
            quick(**changes).fit(X, y)

    def test_groups(self) -> None:
        X, y, sex = people(100)
        with pytest.raises(DataError, match="sensitive_features has 99 rows"):
            quick().fit(X, y, sensitive_features=sex[:-1])
        with pytest.raises(DataError, match="single group"):
            quick().fit(X, y, sensitive_features=["a"] * 100)
        with pytest.raises(DataError, match=r"group 'm' has no rows of class '0'"):
            quick().fit(X, y, sensitive_features=sex.where(y == 1, "f"))

    def test_weights(self) -> None:
        X, y, _ = people(100)
        with pytest.raises(ValueError, match="Negative values"):
            quick().fit(X, y, sample_weight=-np.ones(100))
        with pytest.raises(DataError, match="the train rows have 1 of 2 classes"):
            quick().fit(X, y, sample_weight=y)
