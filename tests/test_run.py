from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from tests.studies.adult import OPTIONS, AdultRun
from tests.studies.examples import hiring_frame, hiring_task

from fairfactor import run as module
from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.data.splits import benchmark_split
from fairfactor.errors import ArgumentError, DataError
from fairfactor.model_loading import load_table_model
from fairfactor.run import execute, execute_comparison, execute_tuning
from fairfactor.run_folder import RunFolder
from fairfactor.studies.peer_comparison import PeerComparison
from fairfactor.studies.tuning import Tuning
from fairfactor.tune_config import TuneConfig

CONFIG = RunConfig(**OPTIONS)  # type: ignore[arg-type]


@pytest.fixture
def no_work(adult_run: AdultRun, monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """Let a run take the shared results; the list holds what was asked for."""
    asked: list[tuple] = []

    def compare(task: object, config: object, **options: object) -> object:
        asked.append((task, config, options))
        return adult_run.comparison

    monkeypatch.setattr(module, "compare_methods", compare)
    return asked


class TestExecute:
    def test_it_writes_the_results_of_the_configuration(
        self, adult_run: AdultRun, tmp_path: Path, no_work: list[tuple]
    ) -> None:
        def on_seed() -> None:
            pass

        folder = execute(CONFIG, tmp_path / "run", workers=3, on_seed=on_seed)
        assert folder.path == tmp_path / "run"
        assert folder.config == CONFIG.to_dict()
        assert folder.metrics == adult_run.folder.metrics
        [(task, config, options)] = no_work
        assert config == CONFIG
        assert options.pop("checkpoints").folder.parent == tmp_path
        assert options == {"workers": 3, "on_seed": on_seed, "start": None}
        assert "fnlwgt" in task.input_columns
        assert len(task.frame) == 45_222

    @pytest.mark.parametrize(
        ("changes", "rows", "inputs"),
        [
            ({"rows": "all"}, 48_842, 13),
            ({"encoding": "label"}, 45_222, 12),
            ({"sensitive": ("sex", "race")}, 45_222, 12),
        ],
    )
    def test_the_configuration_chooses_rows_and_columns(
        self, tmp_path: Path, no_work: list[tuple], changes: dict, rows: int, inputs: int
    ) -> None:
        execute(RunConfig(**(OPTIONS | changes)), tmp_path / "run")
        [(task, _, _)] = no_work
        assert len(task.frame) == rows
        assert len(task.input_columns) == inputs

    @pytest.mark.usefixtures("no_work")
    def test_without_a_folder_runs_are_counted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        paths = [execute(CONFIG).path for _ in range(2)]
        assert paths == [Path("runs/adult-001"), Path("runs/adult-002")]

    def test_a_run_that_ends_meanwhile_is_not_replaced(
        self, adult_run: AdultRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def compare(*_: object, **__: object) -> object:
            shutil.copytree(adult_run.folder.path, "runs/adult-001")
            Path("runs/adult-001/report.html").write_text("of the other run")
            return adult_run.comparison

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(module, "compare_methods", compare)
        assert execute(CONFIG).path == Path("runs/adult-002")
        assert Path("runs/adult-001/report.html").read_text() == "of the other run"

    @pytest.mark.parametrize("error", [DataError("x"), KeyboardInterrupt()])
    def test_work_that_fails_writes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        def compare(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(module, "compare_methods", compare)
        with pytest.raises(type(error)):
            execute(CONFIG, tmp_path / "run")
        assert list(tmp_path.iterdir()) == []

    def test_a_used_folder_is_refused_before_the_work(
        self, adult_run: AdultRun, tmp_path: Path, no_work: list[tuple]
    ) -> None:
        with pytest.raises(ArgumentError, match=r"^out=.*--overwrite"):
            execute(CONFIG, adult_run.folder.path)
        (tmp_path / "notes.txt").touch()
        with pytest.raises(ArgumentError, match=r"^out=.*holds 'notes\.txt'"):
            execute(CONFIG, tmp_path, overwrite=True)
        assert no_work == []

    @pytest.mark.usefixtures("no_work")
    def test_an_older_run_is_replaced_when_asked(self, tmp_path: Path) -> None:
        path = execute(CONFIG, tmp_path / "run").path
        (path / "report.html").write_text("old")
        execute(CONFIG, path, overwrite=True)
        assert (path / "report.html").read_text(encoding="utf-8") != "old"

    def test_an_unknown_sensitive_feature_names_the_nearest(
        self, tmp_path: Path, no_work: list[tuple]
    ) -> None:
        with pytest.raises(DataError, match=r"no column 'sexx'.*Did you mean 'sex'"):
            execute(RunConfig(sensitive=("sexx",)), tmp_path / "run")
        assert no_work == []


class TestExecuteTuning:
    def config(self, people: Path, **changes: object) -> TuneConfig:
        values: dict[str, object] = {"data": str(people), "target": "hired", "hidden": (8, 6)}
        return TuneConfig(**(values | changes))  # type: ignore[arg-type]

    @pytest.fixture
    def asked(
        self, tuning: Tuning, tuning_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
    ) -> list[tuple]:
        """Let tuning take the shared results; the list holds what was asked for."""
        calls: list[tuple] = []

        def tune(task: object, constraints: object, **options: object) -> Tuning:
            calls.append((task, constraints, options))
            return tuning

        monkeypatch.setattr(module, "run_tuning", tune)
        monkeypatch.setattr(module, "summarize_tuning", lambda *_: tuning_folder.metrics)
        return calls

    def test_the_configuration_is_what_is_tuned(
        self, people: Path, asked: list[tuple], tmp_path: Path
    ) -> None:
        config = self.config(
            people,
            positive="no",
            constraint=("accuracy>=0.7",),
            confidence=0.8,
            recipes=("low-rank",),
            minimum_group_size=5,
            backbone="boosted-trees",
            seed=3,
        )
        folder = execute_tuning(config, tmp_path / "run", on_progress=print)
        assert folder.config == config.to_dict()
        [(task, constraints, options)] = asked
        assert task.class_names == ("yes", "no")
        assert constraints == ("accuracy>=0.7",)
        assert options.pop("checkpoints").folder.parent == tmp_path
        assert options == {
            "groups_at_prediction": False,
            "start": None,
            "confidence": 0.8,
            "recipes": ("low-rank",),
            "hidden": (8, 6),
            "backbone": "boosted-trees",
            "minimum_group_size": 5,
            "seed": 3,
            "on_progress": print,
        }

    def test_the_chosen_model_is_kept(self, tuning_folder: RunFolder) -> None:
        model, metrics = tuning_folder.load_model(), tuning_folder.metrics
        chosen = metrics["points"][metrics["chosen"]]
        assert model.origin == {
            "recipe": chosen["recipe"],
            "constraints": ["equalized_odds<=0.2", "accuracy>=0.6"],
            "met": True,
            "seed": 0,
        }
        assert chosen["total_parameters"] == sum(
            parameter.numel() for parameter in model.model.cell_model.parameters()
        )
        assert metrics["data"]["name"] == "people.csv"
        assert [c["metric"] for c in metrics["constraints"]] == [
            "equalized_odds_difference_worst_case",
            "accuracy",
        ]

    def test_a_model_that_reads_trees_predicts_as_it_did_in_memory(
        self,
        people: Path,
        boosted_tuning: Tuning,
        tuning_folder: RunFolder,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(module, "run_tuning", lambda *_, **__: boosted_tuning)
        monkeypatch.setattr(module, "summarize_tuning", lambda *_: tuning_folder.metrics)
        folder = execute_tuning(self.config(people), tmp_path / "run")
        problem, chosen = boosted_tuning.problem, boosted_tuning.tuned.chosen
        table = hiring_frame().iloc[benchmark_split(hiring_task().labels, seed=0)["test"]]
        with torch.no_grad():
            expected = chosen.decide(problem.test.inputs).numpy()
        np.testing.assert_array_equal(load_table_model(folder.path).scores(table), expected)

    @pytest.mark.usefixtures("asked")
    def test_without_a_folder_runs_are_counted(
        self, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        config = self.config(people)
        paths = [execute_tuning(config).path for _ in range(2)]
        assert paths == [Path("runs/tune-people-001"), Path("runs/tune-people-002")]

    def test_an_older_run_is_refused_before_the_work_and_replaced_when_asked(
        self, people: Path, asked: list[tuple], tmp_path: Path
    ) -> None:
        config = self.config(people)
        path = execute_tuning(config, tmp_path / "run").path
        with pytest.raises(ArgumentError, match=r"^out=.*--overwrite"):
            execute_tuning(config, path)
        assert len(asked) == 1
        assert execute_tuning(replace(config, seed=7), path, overwrite=True).config["seed"] == 7

    def test_work_that_fails_writes_nothing(
        self, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(module, "summarize_tuning", fail)
        monkeypatch.setattr(module, "run_tuning", lambda *_, **__: MagicMock())
        with pytest.raises(KeyboardInterrupt):
            execute_tuning(self.config(people), tmp_path / "run")
        assert list(tmp_path.iterdir()) == []


class TestExecuteComparison:
    @pytest.fixture
    def asked(
        self, peer_comparison: PeerComparison, monkeypatch: pytest.MonkeyPatch
    ) -> list[tuple]:
        calls: list[tuple] = []

        def compare(task: object, config: object, **options: object) -> PeerComparison:
            calls.append((task, config, options))
            return peer_comparison

        monkeypatch.setattr(module, "compare_with_peers", compare)
        return calls

    def test_the_configuration_is_what_is_compared(
        self, people: Path, asked: list[tuple], peers_folder: RunFolder, tmp_path: Path
    ) -> None:
        config = CompareConfig(data=str(people), target="hired", positive="yes", seeds=2)
        folder = execute_comparison(config, tmp_path / "run", workers=3, on_seed=print)
        [(task, asked_config, options)] = asked
        assert asked_config == config
        assert task.class_names == ("no", "yes")
        assert options.pop("checkpoints").folder.parent == tmp_path
        assert options == {"workers": 3, "on_seed": print}
        assert folder.config == config.to_dict()
        assert folder.metrics["duels"] == peers_folder.metrics["duels"]
        with pytest.raises(ArgumentError, match=r"^out=.*--overwrite"):
            execute_comparison(config, folder.path)
        assert len(asked) == 1
        execute_comparison(config, folder.path, overwrite=True)

    @pytest.mark.usefixtures("asked")
    def test_without_a_folder_runs_are_counted(
        self, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        config = CompareConfig(data=str(people), target="hired")
        assert execute_comparison(config).path == Path("runs/compare-people-001")
