from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.studies.examples import hiring_frame, small_tuning

from fairfactor.data.group_lookup import GroupLookup
from fairfactor.errors import ArgumentError, DataError, FairfactorWarning, SavedModelError
from fairfactor.kept_models import kept_model
from fairfactor.mitigation import RECIPES, FairModel
from fairfactor.models.mlp import build_mlp
from fairfactor.studies.comparison import Comparison
from fairfactor.studies.tuning import Tuning
from fairfactor.surgery import LowRankLinear, read_saved_config, save_model
from fairfactor.table_model import TableModel


@pytest.fixture
def model(comparison: Comparison) -> TableModel:
    return kept_model(comparison)


@pytest.fixture
def table() -> pd.DataFrame:
    return hiring_frame(rows=40, seed=9)


@pytest.fixture
def folder(model: TableModel, tmp_path: Path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


class TestPredict:
    def test_the_most_probable_class_of_each_row(
        self, model: TableModel, table: pd.DataFrame
    ) -> None:
        found = model.predict(table)
        assert list(found.columns) == ["prediction", "probability no", "probability yes"]
        probabilities = model.scores(table)
        assert probabilities.dtype == np.float32
        np.testing.assert_array_equal(found.iloc[:, 1:].to_numpy(), probabilities)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
        likely = np.where(probabilities[:, 1] > probabilities[:, 0], "yes", "no")
        assert found["prediction"].tolist() == likely.tolist()
        assert set(likely) == {"yes", "no"}

    def test_probabilities_are_those_of_the_network(
        self, model: TableModel, table: pd.DataFrame
    ) -> None:
        inputs = torch.from_numpy(model.encoder.transform(table))
        expected = model.model(inputs).softmax(1).detach().numpy()
        np.testing.assert_allclose(model.scores(table), expected, rtol=1e-6)

    def test_rows_keep_their_index(self, model: TableModel, table: pd.DataFrame) -> None:
        shuffled = table.sample(frac=1, random_state=0)
        assert model.predict(shuffled).index.tolist() == shuffled.index.tolist()

    def test_only_the_columns_of_the_model_are_read(
        self, model: TableModel, table: pd.DataFrame
    ) -> None:
        """No sensitive feature and no label is asked for, in any order of the columns."""
        expected = model.scores(table)
        bare = table[["town", "hours", "skill"]]
        np.testing.assert_array_equal(model.scores(bare), expected)
        strange = table.assign(sex="?", hired=0, other=1)
        np.testing.assert_array_equal(model.scores(strange), expected)

    def test_a_missing_column_is_named(self, model: TableModel, table: pd.DataFrame) -> None:
        with pytest.raises(DataError, match=r"no column 'town'.*Did you mean 'towns'"):
            model.predict(table.rename(columns={"town": "towns"}))

    def test_text_in_place_of_a_number_is_named(
        self, model: TableModel, table: pd.DataFrame
    ) -> None:
        with pytest.raises(DataError, match=r"column 'skill' has the value 'good'"):
            model.predict(table.assign(skill="good"))

    def test_an_unknown_category_is_a_warning(self, model: TableModel, table: pd.DataFrame) -> None:
        with pytest.warns(FairfactorWarning, match="'town': 40 of 40 values were not in"):
            found = model.predict(table.assign(town="Z"))
        assert np.isfinite(found["probability yes"]).all()


class TestSave:
    def test_a_round_trip_keeps_everything(
        self, model: TableModel, folder: Path, table: pd.DataFrame
    ) -> None:
        loaded = TableModel.load(folder)
        np.testing.assert_array_equal(loaded.scores(table), model.scores(table))
        assert isinstance(loaded.model.get_submodule("head"), LowRankLinear)
        assert not loaded.model.training
        for name in ("widths", "encoder", "target", "class_names"):
            assert getattr(loaded, name) == getattr(model, name)
        assert loaded.origin == {"method": "neutralized", "rank": 2, "seed": 0}
        assert loaded.target == "hired"

    def test_a_model_without_surgery_is_kept_too(
        self, model: TableModel, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        whole = replace(model, model=build_mlp(model.widths, seed=3).eval())
        whole.save(tmp_path / "whole")
        np.testing.assert_array_equal(
            TableModel.load(tmp_path / "whole").scores(table),
            whole.scores(table),
        )

    def test_loading_draws_no_random_numbers_that_matter(self, folder: Path) -> None:
        """The network is built with random weights, all of which are replaced."""
        states = []
        for seed in (0, 1):
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                states.append(TableModel.load(folder).model.state_dict())
        for name, tensor in states[0].items():
            assert torch.equal(states[1][name], tensor)

    @pytest.mark.parametrize("rows", [(0, 1, 2), ()])
    def test_no_row_is_saved(self, folder: Path, table: pd.DataFrame, rows: tuple) -> None:
        text = (folder / "config.json").read_text()
        assert "hiring" not in text
        for value in hiring_frame()["skill"].iloc[list(rows)]:
            assert repr(float(value)) not in text


class TestLoad:
    @staticmethod
    def forge(folder: Path, model: TableModel, **changes: object) -> Path:
        """Save the network with something else about it, as another program might."""
        extra = copy.deepcopy(dict(read_saved_config(folder).extra)) | changes
        extra = {key: value for key, value in extra.items() if key == "fair" or value is not None}
        save_model(model.model, folder.with_name("forged"), extra=extra)
        return folder.with_name("forged")

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"encoder": None}, "does not hold a table model"),
            ({"colour": "red"}, "does not hold a table model"),
            ({"fair": {"cell_model": "resnet"}}, "does not fit the backbone"),
            ({"widths": [4, 6, 2]}, r"widths \(4, 6, 2\), but there are 3 features"),
            ({"widths": [3, 6, 3]}, r"and 2 classes"),
            ({"class_names": ["a", "b", "c"]}, r"and 3 classes"),
            ({"widths": [3, 0, 2]}, r"widths=\(3, 0, 2\) is not usable"),
            ({"widths": [3, 7, 2]}, r"head.*Build the architecture that was saved"),
            ({"encoder": {}}, "encoder has no key 'columns'"),
        ],
    )
    def test_another_model_is_refused(
        self, folder: Path, model: TableModel, changes: dict, text: str
    ) -> None:
        with pytest.raises(SavedModelError, match=text):
            TableModel.load(self.forge(folder, model, **changes))

    def test_a_model_of_another_kind_is_refused(self, model: TableModel, tmp_path: Path) -> None:
        save_model(model.model, tmp_path / "plain")
        with pytest.raises(SavedModelError, match=r"plain does not hold a table model.*model/ of"):
            TableModel.load(tmp_path / "plain")

    def test_a_folder_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SavedModelError, match=r"config\.json cannot be read"):
            TableModel.load(tmp_path / "nothing")


class TestTreeScores:
    """A network that reads scores of boosted trees."""

    @pytest.fixture
    def boosted(self, boosted_tuning: Tuning) -> TableModel:
        problem = boosted_tuning.problem
        return TableModel(
            boosted_tuning.tuned.chosen.decide,
            problem.widths,
            problem.encoder,
            "hired",
            problem.class_names,
            {"recipe": boosted_tuning.tuned.chosen.recipe},
            tree_scores=problem.tree_scores,
        )

    @pytest.mark.parametrize("fair", [True, False])
    def test_a_round_trip_keeps_everything(
        self, boosted: TableModel, table: pd.DataFrame, tmp_path: Path, fair: bool
    ) -> None:
        if not fair:
            boosted = replace(boosted, model=build_mlp(boosted.widths, seed=3).eval())
        boosted.save(tmp_path / "model")
        loaded = TableModel.load(tmp_path / "model")
        np.testing.assert_array_equal(loaded.scores(table), boosted.scores(table))
        np.testing.assert_array_equal(
            loaded.scores(table.iloc[3:4].drop(columns=["sex", "hired"])),
            boosted.scores(table)[3:4],
        )
        assert isinstance(loaded.model, FairModel) == fair
        assert loaded.tree_scores is not None
        assert loaded.tree_scores.names == ("score of class yes", "score of group m")

    def test_trees_that_lead_back_are_refused(self, boosted: TableModel, tmp_path: Path) -> None:
        scores = copy.deepcopy(boosted.tree_scores)
        assert scores is not None
        scores.trees.left[-1] = 0
        replace(boosted, tree_scores=scores).save(tmp_path / "model")
        with pytest.raises(SavedModelError, match="nodes or inputs that do not exist"):
            TableModel.load(tmp_path / "model")

    def test_scores_without_a_network_that_reads_them_are_refused(
        self, boosted: TableModel, tmp_path: Path
    ) -> None:
        network = build_mlp((len(boosted.encoder.feature_names), 4, 2))
        replace(boosted, model=network, widths=(5, 4, 2)).save(tmp_path / "model")
        with pytest.raises(SavedModelError, match=r"widths \(5, 4, 2\), but there are 7 features"):
            TableModel.load(tmp_path / "model")


class TestFairModel:
    """A decision rule in place of a plain network."""

    @pytest.fixture
    def fair(self, tuning: Tuning) -> TableModel:
        problem = tuning.problem
        return TableModel(
            tuning.tuned.chosen.decide,
            problem.widths,
            problem.encoder,
            "hired",
            problem.class_names,
            {"recipe": tuning.tuned.chosen.recipe},
        )

    def test_the_largest_score_decides(self, fair: TableModel, table: pd.DataFrame) -> None:
        found = fair.predict(table)
        assert list(found.columns) == ["prediction", "score no", "score yes"]
        scores = found.iloc[:, 1:].to_numpy()
        assert (scores[:, 0] == 0).all()
        assert found["prediction"].tolist() == np.where(scores[:, 1] > 0, "yes", "no").tolist()
        assert set(found["prediction"]) == {"yes", "no"}

    def test_scores_are_those_of_the_network(self, fair: TableModel, table: pd.DataFrame) -> None:
        with torch.no_grad():
            expected = fair.model(torch.from_numpy(fair.encoder.transform(table))).numpy()
        np.testing.assert_array_equal(fair.scores(table), expected)
        assert fair.scores(table).dtype == np.float32

    def test_no_group_is_asked_for(self, fair: TableModel, table: pd.DataFrame) -> None:
        expected = fair.scores(table)
        np.testing.assert_array_equal(fair.scores(table.drop(columns=["sex", "hired"])), expected)
        np.testing.assert_array_equal(fair.scores(table.assign(sex="?")), expected)

    def test_a_round_trip_keeps_everything(
        self, fair: TableModel, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        fair.save(tmp_path / "model")
        loaded = TableModel.load(tmp_path / "model")
        assert isinstance(loaded.model, FairModel)
        assert not loaded.model.training
        np.testing.assert_array_equal(loaded.scores(table), fair.scores(table))
        assert loaded.origin == fair.origin
        assert loaded.class_names == ("no", "yes")

    @pytest.mark.parametrize("recipe", ["low-rank", "gap-penalty", "bias-aware"])
    def test_models_of_every_recipe_are_kept(
        self, fair: TableModel, tuning: Tuning, table: pd.DataFrame, tmp_path: Path, recipe: str
    ) -> None:
        fitted = list(RECIPES[recipe].fit(tuning.problem, 0))[-1]
        shape = (2, 2, fitted.model.n_groups)
        weights = np.random.default_rng(0).normal(size=shape)
        model = replace(fair, model=FairModel(fitted.model, weights).eval())
        model.save(tmp_path / "model")
        loaded = TableModel.load(tmp_path / "model")
        np.testing.assert_array_equal(loaded.scores(table), model.scores(table))

    def test_a_model_that_asks_for_groups_is_refused(
        self, fair: TableModel, table: pd.DataFrame
    ) -> None:
        rule = FairModel(
            fair.model.cell_model, fair.model.weights.numpy(), groups_at_prediction=True
        )
        with pytest.raises(ArgumentError, match=r"^model=.*needs no groups"):
            replace(fair, model=rule.eval()).scores(table)


@pytest.fixture(scope="module")
def asking() -> TableModel:
    tuning = small_tuning("demographic_parity<=0.1", groups_at_prediction=True)
    chosen = tuning.tuned.chosen
    assert chosen.groups_at_prediction
    problem = tuning.problem
    return TableModel(
        chosen.decide,
        problem.widths,
        problem.encoder,
        "hired",
        problem.class_names,
        {"recipe": chosen.recipe},
        groups=GroupLookup(("sex",), problem.group_names),
    )


class TestGroupsAtPrediction:
    """A decision rule that asks for the group of each row."""

    def test_the_groups_of_the_table_are_used(
        self, asking: TableModel, table: pd.DataFrame
    ) -> None:
        inputs = torch.from_numpy(asking.encoder.transform(table))
        codes = torch.tensor([["f", "m"].index(sex) for sex in table["sex"]])
        expected = asking.model(inputs, codes).numpy()
        np.testing.assert_array_equal(asking.scores(table), expected)
        swapped = table.assign(sex=table["sex"].map({"f": "m", "m": "f"}))
        assert not np.array_equal(asking.scores(swapped), expected)

    def test_a_round_trip_keeps_everything(
        self, asking: TableModel, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        asking.save(tmp_path / "model")
        loaded = TableModel.load(tmp_path / "model")
        assert loaded.groups == asking.groups
        np.testing.assert_array_equal(loaded.scores(table), asking.scores(table))

    def test_a_missing_column_is_named(self, asking: TableModel, table: pd.DataFrame) -> None:
        with pytest.raises(DataError, match=r"by the group .* columns sex: the table has no sex"):
            asking.predict(table.drop(columns="sex"))

    def test_unknown_groups_are_refused_or_inferred(
        self, asking: TableModel, table: pd.DataFrame
    ) -> None:
        strange = table.assign(sex=["?", *table["sex"].iloc[1:]])
        with pytest.raises(DataError, match=r"^1 of 40 rows .*as '\?'"):
            asking.predict(strange)
        inferred = asking.scores(strange, unknown_groups="infer")
        np.testing.assert_array_equal(inferred[1:], asking.scores(table)[1:])
        cells = asking.model.cell_model(
            torch.from_numpy(asking.encoder.transform(table.iloc[:1]))
        ).flatten(1)
        by_inputs = (cells @ asking.model.weights.flatten(1).T).numpy()
        np.testing.assert_allclose(inferred[:1], by_inputs, rtol=1e-5)

    def test_models_of_before_are_read(
        self, model: TableModel, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        model.save(tmp_path / "model")
        extra = dict(read_saved_config(tmp_path / "model").extra)
        del extra["groups"]
        save_model(model.model, tmp_path / "older", extra=extra)
        loaded = TableModel.load(tmp_path / "older")
        assert loaded.groups is None
        np.testing.assert_array_equal(loaded.scores(table), model.scores(table))
