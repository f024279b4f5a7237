"""Tuning that starts from a network of an older run, or from one of the user's own code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.studies.examples import hiring_frame
from torch import nn

from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.errors import ArgumentError, DataError, SavedModelError
from fairfactor.model_loading import load_table_model
from fairfactor.models.mlp import build_mlp
from fairfactor.run import execute, execute_tuning, plan
from fairfactor.run_folder import RunFolder
from fairfactor.tune_config import TuneConfig

FACTORY = """
from torch import nn

class Own(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.first = nn.Linear(inputs, 5)
        self.last = nn.Linear(5, classes)

    def forward(self, x):
        return self.last(self.first(x).tanh())

def own(inputs, classes):
    return Own(inputs, classes)

def wrong(inputs, classes):
    return nn.Linear(inputs, classes + 1)

def failing(inputs, classes):
    raise RuntimeError("two\\nlines")
"""


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"own_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def tune(people: Path, out: Path, **changes) -> RunFolder:
    values = {
        "data": str(people),
        "target": "hired",
        "recipes": ("late-features",),
        "hidden": (8, 6),
        **changes,
    }
    return execute_tuning(TuneConfig(**values), out)


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    other = second.state_dict()
    return all(torch.equal(tensor, other[name]) for name, tensor in first.state_dict().items())


class TestFromARun:
    def test_the_network_is_taken_as_it_is(self, people, tuning_folder, tmp_path) -> None:
        folder = tune(people, tmp_path / "new", model=str(tuning_folder.path), positive="yes")
        before, after = tuning_folder.load_backbone(), folder.load_backbone()
        assert same_weights(before.model, after.model)
        assert before.encoder == after.encoder
        table = hiring_frame(50, seed=9)
        np.testing.assert_array_equal(before.scores(table), after.scores(table))

    def test_other_classes_get_a_new_last_layer(self, tuning_folder, tmp_path) -> None:
        frame = hiring_frame()
        frame["level"] = np.random.default_rng(1).choice(["a", "b", "c"], len(frame))
        frame.to_csv(tmp_path / "levels.csv", index=False)
        folder = tune(
            tmp_path / "levels.csv",
            tmp_path / "new",
            model=str(tuning_folder.path),
            target="level",
            exclude=("hired",),
        )
        model = folder.load_backbone()
        assert model.class_names == ("a", "b", "c")
        assert model.widths[:-1] == tuning_folder.load_backbone().widths[:-1]
        assert model.widths[-1] == 3

    def test_a_column_that_is_not_there_is_named(self, tuning_folder, tmp_path) -> None:
        hiring_frame().drop(columns="town").to_csv(tmp_path / "t.csv", index=False)
        with pytest.raises(DataError, match=r"reads column 'town', which is no input of this tab"):
            tune(tmp_path / "t.csv", tmp_path / "new", model=str(tuning_folder.path))


class TestFromAFactory:
    def test_weights_are_loaded_and_taken_as_they_are(self, people, factory, tmp_path) -> None:
        name = f"{factory}:own"
        first = tune(people, tmp_path / "first", model=name)
        network = load_table_model(first.path, name).model.cell_model.class_network
        save_file(network.state_dict(), tmp_path / "w.safetensors")
        folder = tune(people, tmp_path / "new", model=name, weights=str(tmp_path / "w.safetensors"))
        with pytest.raises(SavedModelError, match=rf"{name} made.*name it with --factory"):
            folder.load_model()
        model = load_table_model(folder.path, name)
        assert same_weights(network, model.model.cell_model.class_network)
        table = hiring_frame(20, seed=1)
        metrics = folder.metrics
        assert len(model.predict(table)) == 20
        assert metrics["unmitigated"]["total_parameters"] == 5 * 5 + 5 + 5 * 2 + 2

    def test_without_weights_it_is_trained(self, people, factory, tmp_path) -> None:
        folder = tune(people, tmp_path / "new", model=f"{factory}:own")
        assert folder.metrics["unmitigated"]["test"]["accuracy"]["value"] > 0.6

    @pytest.mark.parametrize(
        ("function", "text"),
        [
            ("nothing", r"module:function that can be imported"),
            ("wrong", r"to 2 × 2 logits, not \(2, 3\)"),
            ("failing", r"RuntimeError: two lines"),
            ("nn", r"the name of a function"),
        ],
    )
    def test_a_function_that_does_not_fit_is_one_line(
        self, people, factory, tmp_path, function, text
    ) -> None:
        with pytest.raises(ArgumentError, match=text) as caught:
            tune(people, tmp_path / "new", model=f"{factory}:{function}")
        assert "\n" not in str(caught.value)

    def test_weights_that_do_not_fit_are_one_line(self, people, factory, tmp_path) -> None:
        save_file(build_mlp((3, 2)).state_dict(), tmp_path / "w.safetensors")
        with pytest.raises(
            SavedModelError, match=r"w\.safetensors do not fit the network"
        ) as caught:
            tune(
                people,
                tmp_path / "new",
                model=f"{factory}:own",
                weights=str(tmp_path / "w.safetensors"),
            )
        assert "\n" not in str(caught.value)


class TestARunOfTheMethods:
    def run(self, people, out, **changes) -> RunFolder:
        values = {"data": str(people), "target": "hired", "seeds": 2, "epochs": 2, "rank": (1,)}
        return execute(RunConfig(**{**values, **changes}), out, workers=1)

    def test_a_trained_network_is_the_first_row(self, people, tuning_folder, tmp_path) -> None:
        folder = self.run(
            people, tmp_path / "new", model=str(tuning_folder.path), method=("pretrained",)
        )
        before, after = tuning_folder.load_backbone(), folder.load_model()
        assert same_weights(before.model, after.model)
        assert before.encoder == after.encoder

    def test_its_last_layer_is_tuned(self, people, tuning_folder, tmp_path) -> None:
        folder = self.run(people, tmp_path / "new", model=str(tuning_folder.path))
        before, after = tuning_folder.load_backbone().model, folder.load_model().model
        assert torch.equal(before.hidden1.weight, after.hidden1.weight)
        assert after.head.rank == 1

    def test_a_function_of_the_users(self, people, factory, tmp_path) -> None:
        name = f"{factory}:own"
        folder = self.run(people, tmp_path / "new", model=name, pretraining_epochs=2)
        assert folder.metrics["kind"] == "methods"
        model = folder.load_model(name)
        assert model.model.last.rank == 1
        assert model.scores(hiring_frame(5)).shape == (5, 2)

    def test_finished_seeds_are_taken_again(self, people, factory, tmp_path, monkeypatch) -> None:
        expected = self.run(people, tmp_path / "whole", model=f"{factory}:own").metrics["methods"]
        config = {"data": str(people), "target": "hired", "seeds": 2, "epochs": 2, "rank": (1,)}
        interrupted = RunConfig(**config, model=f"{factory}:own")

        def stop() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            execute(interrupted, tmp_path / "new", workers=1, on_seed=stop)
        folder = execute(interrupted, tmp_path / "new", workers=1, resume=True)
        for found, wanted in zip(folder.metrics["methods"], expected, strict=True):
            assert found["summary"] == wanted["summary"]

    def test_the_plan_names_it(self, people, tuning_folder) -> None:
        config = RunConfig(data=str(people), target="hired", model=str(tuning_folder.path))
        assert any("take the network of" in step for step in plan(config).steps)


def test_peers_are_fitted_on_a_network_of_the_table() -> None:
    with pytest.raises(ArgumentError, match=r"model='runs/1'.*pre-trained on the table"):
        CompareConfig(model="runs/1")


def test_weights_need_a_network() -> None:
    with pytest.raises(ArgumentError, match=r"weights='w'.*Name it with --model"):
        TuneConfig(weights="w")


def test_predictions_by_the_command_line_need_the_factory(people, factory, tmp_path) -> None:
    from typer.testing import CliRunner

    from fairfactor.cli.app import app

    folder = tune(people, tmp_path / "new", model=f"{factory}:own")
    hiring_frame(10).to_csv(tmp_path / "t.csv", index=False)
    arguments = ["predict", str(folder.path), str(tmp_path / "t.csv")]
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 1
    assert "--factory" in refused.stderr
    done = CliRunner().invoke(app, [*arguments, "--factory", f"{factory}:own"])
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 11
