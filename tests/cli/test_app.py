from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.limits import posix
from tests.oracles import fairness_oracle
from tests.reproduction import small_study
from tests.studies.adult import OPTIONS, AdultRun
from typer.testing import CliRunner

import fairfactor
from fairfactor.cli.app import app
from fairfactor.data.adult import load_adult
from fairfactor.data.splits import benchmark_split
from fairfactor.errors import SavedModelError
from fairfactor.run_folder import RunFolder
from fairfactor.studies.peer_comparison import PeerComparison

ROWS = 500


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def start(*arguments: object, folder: Path, **options: Any) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "fairfactor", *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def edit(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of Adult without the label and the sensitive feature."""
    path = tmp_path_factory.mktemp("table") / "people.csv"
    load_adult().head(ROWS).drop(columns=["sex", "income", "split"]).to_csv(path, index=False)
    return path


@pytest.fixture
def run_path(adult_run: AdultRun, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    shutil.copytree(adult_run.folder.path, tmp_path / "run")
    return tmp_path / "run"


class TestInNewProcesses:
    def test_a_run_and_its_predictions_repeat_bit_for_bit(
        self, adult_run: AdultRun, tmp_path: Path, table: Path
    ) -> None:
        options = [
            text
            for name, value in OPTIONS.items()
            for text in (
                f"--{name.replace('_', '-')}",
                ",".join(map(str, value)) if isinstance(value, tuple) else value,
            )
        ]
        running = start("run", "--out", "new", "--workers", 1, *options, folder=tmp_path)
        output, errors = running.communicate(timeout=300)
        assert running.returncode == 0, errors
        assert errors == ""
        assert output.rstrip().endswith("Report: new/report.html")
        assert names(tmp_path) == {"new"}

        def numbers(metrics: dict[str, Any]) -> list[Any]:
            keys = ("seeds", "tuning", "replacement", "groups", "summary", "trained_parameters")
            return [[method[key] for key in keys] for method in metrics["methods"]]

        metrics = json.loads((tmp_path / "new" / "metrics.json").read_text(encoding="utf-8"))
        assert numbers(metrics) == numbers(adult_run.folder.metrics)
        assert metrics["importance"] == adult_run.folder.metrics["importance"]
        for method in metrics["methods"]:
            assert (
                method["trained_parameters"]
                == {"neutralized": 24, "head-tuning": 42}[method["method"]]
            )

        predicting = start("predict", "new", table, folder=tmp_path)
        output, errors = predicting.communicate(timeout=300)
        assert (predicting.returncode, errors) == (0, "")
        found = pd.read_csv(io.StringIO(output), dtype={1: np.float32, 2: np.float32})
        expected = adult_run.model.predict(load_adult().head(ROWS))
        assert list(found.columns) == ["prediction", "probability <=50K", "probability >50K"]
        np.testing.assert_array_equal(found.iloc[:, 1:].to_numpy(), expected.iloc[:, 1:].to_numpy())
        assert found["prediction"].tolist() == expected["prediction"].tolist()

    def test_a_tuned_model_does_on_test_rows_what_the_results_say(
        self, tuning_folder: RunFolder, people: Path, tmp_path: Path
    ) -> None:
        predicting = start("predict", tuning_folder.path, people, folder=tmp_path)
        output, errors = predicting.communicate(timeout=300)
        assert (predicting.returncode, errors) == (0, "")
        found = pd.read_csv(io.StringIO(output), dtype={1: np.float32, 2: np.float32})
        table = pd.read_csv(people)
        expected = tuning_folder.load_model().scores(table)
        np.testing.assert_array_equal(found.iloc[:, 1:].to_numpy(), expected)

        labels, predicted = (
            (frame == "yes").to_numpy() for frame in (table.hired, found.prediction)
        )
        test = benchmark_split(labels, seed=0)["test"]
        sexes = (table.sex == "m").to_numpy()
        measured = fairness_oracle.metrics(labels[test], predicted[test], sexes[test], 2)
        metrics = tuning_folder.metrics
        written = metrics["points"][metrics["chosen"]]["test"]
        assert len(set(measured) & set(written)) == len(written) - 1  # all but the paper's error
        for name in set(measured) & set(written):
            assert written[name]["value"] == pytest.approx(measured[name], abs=1e-12), name

    def test_a_tuning_of_a_table_of_ones_own_repeats_bit_for_bit(
        self, tuning_folder: RunFolder, people: Path, tmp_path: Path
    ) -> None:
        options = [
            *("--data", people, "--target", "hired", "--positive", "yes", "--sensitive", "sex"),
            *("--constraint", "equalized_odds<=0.2,accuracy>=0.6", "--confidence", 0.6),
            *("--recipes", "late-features,input-features", "--hidden", "8,6", "--out", "new"),
        ]
        tuning = start("tune", *options, folder=tmp_path)
        output, errors = tuning.communicate(timeout=300)
        assert (tuning.returncode, errors) == (0, "")
        assert names(tmp_path) == {"new"}
        folder = RunFolder.open(tmp_path / "new")
        assert folder.config == tuning_folder.config
        for key in set(folder.metrics) - {"seconds", "environment"}:
            assert folder.metrics[key] == tuning_folder.metrics[key], key
        assert folder.metrics["verdict"]["headline"] in output
        assert output.rstrip().endswith("Report: new/report.html")
        tensors = "model/model.safetensors"
        written = (folder.path / tensors).read_bytes()
        assert written == (tuning_folder.path / tensors).read_bytes()

    @posix
    @pytest.mark.parametrize(
        ("kill", "end"),
        [(os.killpg, signal.SIGINT), (os.kill, signal.SIGINT), (os.kill, signal.SIGKILL)],
        ids=["Ctrl-C in a terminal", "interrupt", "kill"],
    )
    def test_a_run_that_is_ended_leaves_nothing_behind(
        self, tmp_path: Path, kill: Callable[[int, int], None], end: signal.Signals
    ) -> None:
        """Neither files nor worker processes, whose work would go on for hours.

        Ctrl-C in a terminal reaches the workers too; a signal to the process does not.
        """
        options = ["--out", "new", "--workers", 2, "--pretraining-epochs", 10_000]
        running = start("run", *options, folder=tmp_path, start_new_session=True)
        try:
            wait_for_workers(running.pid, 2)
            kill(running.pid, end)
            # The workers hold the streams open, so this waits for them too.
            output, errors = running.communicate(timeout=60)
        finally:
            with suppress(ProcessLookupError):  # none is left, unless the test has failed
                os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
        if end == signal.SIGINT:
            assert running.returncode == 130
            assert (output, errors) == ("", "fairfactor: Interrupted. Nothing was written.\n")
        assert names(tmp_path) == set()


def wait_for_workers(process: int, number: int) -> None:
    """Wait until a process has started its workers, or fail after a minute."""
    children = Path(f"/proc/{process}/task/{process}/children")
    if not children.exists():
        pytest.skip("needs /proc")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        started = [
            child
            for child in children.read_text().split()
            if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()
        ]
        if len(started) == number:
            return
        time.sleep(0.05)
    raise AssertionError("no workers were started")


class TestPredict:
    def test_predictions_are_printed(self, adult_run: AdultRun, table: Path) -> None:
        result = invoke("predict", adult_run.folder.path, table)
        assert result.exit_code == 0
        lines = result.stdout.splitlines()
        assert lines[0] == "prediction,probability <=50K,probability >50K"
        assert len(lines) == 1 + ROWS
        assert result.stderr == ""

    def test_machines_get_the_same_numbers(self, adult_run: AdultRun, table: Path) -> None:
        result = invoke("predict", "--json", adult_run.folder.path / "model", table)
        found = json.loads(result.stdout)["predictions"]
        expected = adult_run.model.scores(load_adult().head(ROWS))
        assert [np.float32(row["probability >50K"]) for row in found] == expected[:, 1].tolist()

    def test_predictions_are_written_to_a_file(
        self, adult_run: AdultRun, table: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "predictions.csv"
        result = invoke("predict", adult_run.folder.path, table, "--out", out)
        assert result.stdout == f"500 rows written to {out}\n"
        printed = invoke("predict", adult_run.folder.path, table).stdout
        assert out.read_text() == printed
        machine = invoke("predict", adult_run.folder.path, table, "--out", out, "--json")
        assert json.loads(machine.stdout) == {"rows": 500, "out": str(out)}

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("config.json", lambda config: config.update(batch_size=257)),
            ("metrics.json", lambda metrics: metrics["data"].update(rows=45_223)),
            ("model/config.json", lambda config: config["extra"]["widths"].__setitem__(0, 14)),
        ],
    )
    @pytest.mark.parametrize("command", ["predict", "report", "info"])
    def test_one_changed_number_is_refused(
        self, run_path: Path, table: Path, command: str, name: str, change
    ) -> None:
        edit(run_path / name, change)
        result = invoke(command, run_path, *([table] if command == "predict" else []))
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith(f"fairfactor: {run_path / name} was changed after the run")
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "was altered"),
            (lambda content: content[: len(content) // 2], "cannot be read"),
            (lambda content: b"", "cannot be read"),
        ],
        ids=["changed", "cut off", "empty"],
    )
    def test_damaged_tensors_are_refused(
        self, run_path: Path, table: Path, change, text: str
    ) -> None:
        path = run_path / "model" / "model.safetensors"
        path.write_bytes(change(path.read_bytes()))
        result = invoke("predict", run_path, table)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"fairfactor: {path} {text}")
        assert result.stderr.count("\n") == 1

    def test_another_format_version_is_refused(self, run_path: Path, table: Path) -> None:
        edit(run_path / "model" / "config.json", lambda config: config.update(format_version=9))
        result = invoke("predict", run_path / "model", table)
        assert result.exit_code == 1
        assert "config.json: format_version is 9, this fairfactor reads version 1" in result.stderr
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            ("age,race\n39,White\n", "the table has no column 'workclass'"),
            ("", "people.csv is not a CSV or TSV file"),
            ("age\n", "people.csv has no rows"),
            (None, "people.csv cannot be read"),
        ],
    )
    def test_an_unusable_table_is_refused(
        self, adult_run: AdultRun, tmp_path: Path, content: str | None, text: str
    ) -> None:
        if content is not None:
            (tmp_path / "people.csv").write_text(content)
        result = invoke("predict", adult_run.folder.path, tmp_path / "people.csv")
        assert result.exit_code == 1
        assert text in result.stderr
        assert result.stderr.count("\n") == 1

    def test_unknown_categories_are_warned_of(
        self, adult_run: AdultRun, table: Path, tmp_path: Path
    ) -> None:
        pd.read_csv(table).assign(race="Klingon").to_csv(tmp_path / "people.csv", index=False)
        result = invoke("predict", adult_run.folder.path, tmp_path / "people.csv")
        assert result.exit_code == 0
        assert "Warning: column 'race': 500 of 500 values were not in" in result.stderr
        assert len(result.stdout.splitlines()) == 1 + ROWS

    def test_debugging_shows_the_traceback(self, tmp_path: Path) -> None:
        result = invoke("predict", tmp_path / "nothing", tmp_path / "t.csv", "--debug")
        assert result.exit_code == 1
        assert isinstance(result.exception, SavedModelError)


class TestReport:
    def test_the_same_page_is_written_again(self, run_path: Path) -> None:
        page = run_path / "report.html"
        before = page.read_bytes()
        page.unlink()
        result = invoke("report", run_path)
        assert (result.exit_code, result.stdout) == (0, f"{page}\n")
        assert page.read_bytes() == before
        machine = invoke("report", run_path, "--json")
        assert json.loads(machine.stdout) == {"report": str(page)}

    def test_a_folder_without_a_run_is_refused(self, tmp_path: Path) -> None:
        result = invoke("report", tmp_path)
        assert result.exit_code == 1
        assert "manifest.json cannot be read" in result.stderr
        assert names(tmp_path) == set()


class TestInfo:
    def test_the_installation(self) -> None:
        text = invoke("info").stdout
        assert f"fairfactor: {fairfactor.__version__}\n" in text
        assert "  neutralized: Neutralised SVD (the paper)\n" in text
        facts = json.loads(invoke("info", "--json").stdout)
        assert facts["fairfactor"] == fairfactor.__version__

    def test_a_run(self, adult_run: AdultRun) -> None:
        path, metrics = adult_run.folder.path, adult_run.folder.metrics
        text = invoke("info", path).stdout
        assert metrics["verdict"]["headline"] in text
        assert f"Report: {path / 'report.html'}" in text
        facts = json.loads(invoke("info", path, "--json").stdout)
        assert facts == {"config": adult_run.folder.config, "metrics": metrics}


class TestRun:
    def test_a_sensitive_feature_that_is_not_there_names_the_nearest(self, tmp_path: Path) -> None:
        result = invoke("run", "--sensitive", "sexx", "--out", tmp_path / "run")
        assert result.exit_code == 1
        assert "the table has no column 'sexx'" in result.stderr
        assert result.stderr.endswith("Did you mean 'sex'?\n")
        assert result.stderr.count("\n") == 1
        assert names(tmp_path) == set()

    def test_alpha_for_five_groups_is_refused_before_the_work(self, tmp_path: Path) -> None:
        result = invoke("run", "--sensitive", "race", "--alpha", 0.6, "--out", tmp_path / "run")
        assert result.exit_code == 1
        assert result.stderr.startswith("fairfactor: alpha=0.6 is not usable: expected two groups")

    def test_an_older_run_is_refused_before_the_work(self, run_path: Path) -> None:
        result = invoke("run", "--out", run_path)
        assert result.exit_code == 1
        assert "--overwrite" in result.stderr

    def test_machines_get_one_object(
        self, adult_run: AdultRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fairfactor.run.compare_methods", lambda *_, **__: adult_run.comparison)
        result = invoke("run", "--json", "--out", tmp_path / "run")
        found = json.loads(result.stdout)
        assert found["run"] == str(tmp_path / "run")
        assert found["report"] == str(tmp_path / "run" / "report.html")
        assert found["verdict"] == adult_run.folder.metrics["verdict"]
        assert set(found["methods"]) == {"neutralized-rank-1", "head-tuning"}


class TestTune:
    COLUMNS = ("--target", "hired", "--sensitive", "sex")

    @pytest.fixture
    def frozen(self, people: Path, tmp_path: Path) -> tuple[object, ...]:
        """Options of a quick tuning into a new folder."""
        quick = ("--hidden", "8,6", "--recipes", "late-features")
        return ("--data", people, *self.COLUMNS, *quick, "--out", tmp_path / "run")

    def test_machines_get_one_object(self, frozen: tuple, tmp_path: Path) -> None:
        result = invoke("tune", "--json", *frozen, "--constraint", "demographic_parity<=0.3")
        found = json.loads(result.stdout)
        metrics = RunFolder.open(tmp_path / "run").metrics
        assert found["run"] == str(tmp_path / "run")
        assert found["report"] == str(tmp_path / "run" / "report.html")
        assert found["met"] is True
        assert found["chosen"] == metrics["points"][metrics["chosen"]]
        assert found["unmitigated"] == metrics["unmitigated"]
        assert found["verdict"] == metrics["verdict"]

    def test_a_model_that_asks_for_groups_is_marked_everywhere(
        self, frozen: tuple, people: Path, tmp_path: Path
    ) -> None:
        constraint = ("--constraint", "demographic_parity<=0.3")
        result = invoke("tune", *frozen, "--groups-at-prediction", *constraint)
        mark = "; it asks for sex at prediction."
        warning = "This model asks for sex of every row that it predicts"
        run = tmp_path / "run"
        assert mark in result.stdout
        for text in (result.stdout, invoke("info", run).stdout, (run / "report.html").read_text()):
            assert warning in " ".join(text.split())
        assert RunFolder.open(run).config["groups_at_prediction"] is True
        saved = json.loads((run / "model" / "config.json").read_text())["extra"]
        assert saved["groups"] == {"columns": ["sex"], "names": ["f", "m"]}
        assert saved["fair"]["groups_at_prediction"] is True

        assert invoke("predict", run, people).exit_code == 0
        table = pd.read_csv(people)
        table.drop(columns="sex").to_csv(tmp_path / "bare.csv", index=False)
        bare = invoke("predict", run, tmp_path / "bare.csv")
        assert bare.exit_code == 1
        assert "asks for the columns sex: the table has no sex" in bare.stderr
        table.assign(sex="x").to_csv(tmp_path / "strange.csv", index=False)
        strange = invoke("predict", run, tmp_path / "strange.csv")
        assert strange.exit_code == 1
        assert "as 'x': it knows f, m" in strange.stderr
        assert strange.stderr.count("\n") == 1
        infer = ("--unknown-groups", "infer")
        assert invoke("predict", run, tmp_path / "strange.csv", *infer).exit_code == 0
        other = invoke("predict", run, people, "--unknown-groups", "drop")
        assert "unknown_groups='drop' is not usable: expected one of refuse, infer" in other.stderr

    def test_other_models_ask_for_no_group(self, frozen: tuple, tmp_path: Path) -> None:
        result = invoke("tune", *frozen, "--constraint", "demographic_parity<=0.3")
        assert "asks for sex" not in result.stdout
        saved = json.loads((tmp_path / "run" / "model" / "config.json").read_text())["extra"]
        assert saved["groups"] is None

    def test_what_cannot_be_kept_is_said_and_is_no_error(self, frozen: tuple) -> None:
        result = invoke("tune", *frozen, "--constraint", "accuracy>=99.9%")
        assert result.exit_code == 0
        assert "No model keeps accuracy>=0.999 at confidence 0.9; the nearest" in result.stdout

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            (
                ["--recipes", "late-feature"],
                r"recipes='late-feature'.*Did you mean 'late-features'",
            ),
            (
                ["--constraint", "equalised_odd<=0.05"],
                r"metric='equalized_odd'.*'equalized_odds'\?",
            ),
            (["--constraint", "equalized_odds<=5"], r"bound=5\.0 .*in 5%"),
            (["--constraint", "equalized_odds"], r"constraint='equalized_odds' .*0\.05'"),
            (["--confidence", "1.5"], r"confidence=1\.5 .*between 0 and 1"),
            (["--sensitive", "sexx"], r"the table has no column 'sexx'.*Did you mean 'sex'\?"),
            (["--target", "hird"], r"the table has no column 'hird'.*Did you mean 'hired'\?"),
            (["--positive", "maybe"], r"target 'hired' has no class 'maybe': .*'no' or 'yes'"),
            (["--data", "peple.csv"], r"data='peple\.csv' .*the path of a file"),
            (["--data", "adult"], r"target='hired' .*nothing for data='adult'\. Leave it out"),
            (["--hidden", "8,x"], r"--hidden='8,x' .*list of int"),
            (["--minimum-group-size", "1000"], r"sensitive=sex gives the single group"),
            (["--seed", "-1"], r"seed=-1 "),
        ],
    )
    def test_bad_input_ends_with_one_line_and_code_1(
        self, frozen: tuple, tmp_path: Path, options: list[str], text: str
    ) -> None:
        result = invoke("tune", *frozen, *options)
        assert (result.exit_code, result.stdout) == (1, "")
        assert re.match(f"fairfactor: {text}", result.stderr)
        assert result.stderr.count("\n") == 1
        assert names(tmp_path) == set()

    def test_a_file_needs_a_target(self, people: Path) -> None:
        result = invoke("tune", "--data", people)
        assert result.exit_code == 1
        assert result.stderr.startswith(
            "fairfactor: target=None is not usable: expected the column"
        )
        assert result.stderr.count("\n") == 1

    def test_a_group_with_one_class(self, people: Path, tmp_path: Path) -> None:
        table = pd.read_csv(people)
        table.loc[table["sex"] == "f", "hired"] = "no"
        table.to_csv(tmp_path / "people.csv", index=False)
        for command in ("tune", "compare"):
            result = invoke(command, "--data", tmp_path / "people.csv", *self.COLUMNS)
            assert result.exit_code == 1
            assert result.stderr.startswith("fairfactor: group 'f' has no rows of class 'yes'")
            assert result.stderr.count("\n") == 1

    def test_an_older_run_is_refused_before_the_work(
        self, tuning_folder: RunFolder, people: Path
    ) -> None:
        options = ("--data", people, *self.COLUMNS, "--out", tuning_folder.path)
        for command in ("tune", "compare"):
            result = invoke(command, *options)
            assert result.exit_code == 1
            assert "--overwrite" in result.stderr


class TestCompare:
    OPTIONS = ("--peers", "unmitigated,fairgrad-eo", "--seeds", 1, "--workers", 1, "--settings", 1)

    @pytest.fixture
    def options(self, people: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
        """Options of a quick comparison where no package of a peer is installed."""
        monkeypatch.setattr("fairfactor.peers.peer.find_spec", lambda _name: None)
        frozen = ("--recipes", "late-features", "--hidden", "8,6")
        return ("--data", people, *TestTune.COLUMNS, *frozen, *self.OPTIONS)

    def test_a_missing_peer_is_a_visible_gap(self, options: tuple, tmp_path: Path) -> None:
        result = invoke("compare", *options, "--out", tmp_path / "run")
        assert result.exit_code == 0
        reason = "not installed: pip install fairgrad==0.2.0"
        assert f"FairGrad, equalised odds: {reason}" in result.stdout
        assert "Warning: One seed has no interval" in result.stdout
        rows = RunFolder.open(tmp_path / "run").metrics["rows"]
        assert {row["key"]: row["missing"] for row in rows} == {
            "unmitigated": None,
            "fairgrad-eo-4": reason,
        }
        assert reason in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")

    def test_machines_get_one_object(
        self,
        options: tuple,
        peer_comparison: PeerComparison,
        peers_folder: RunFolder,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        compared = "fairfactor.run.compare_with_peers"
        monkeypatch.setattr(compared, lambda *_, **__: peer_comparison)
        result = invoke("compare", "--json", *options, "--out", tmp_path / "run")
        found = json.loads(result.stdout)
        assert found["run"] == str(tmp_path / "run")
        assert found["duels"] == peers_folder.metrics["duels"]
        assert found["verdict"] == peers_folder.metrics["verdict"]

    @pytest.mark.parametrize(
        ("wrong", "text"),
        [
            (["--peers", "fairgrad-e"], r"peers='fairgrad-e'.*Did you mean 'fairgrad-eo'"),
            (["--peers", ""], r"peers=\(\) "),
            (["--settings", "0"], r"settings=0 "),
        ],
    )
    def test_bad_input_ends_with_one_line_and_code_1(
        self, options: tuple, wrong: list[str], text: str
    ) -> None:
        result = invoke("compare", *options, *wrong)
        assert (result.exit_code, result.stdout) == (1, "")
        assert re.match(f"fairfactor: {text}", result.stderr)
        assert result.stderr.count("\n") == 1

    def test_there_is_no_model_to_predict_with(self, peers_folder: RunFolder, people: Path) -> None:
        result = invoke("predict", peers_folder.path, people)
        assert result.exit_code == 1
        assert "keeps no model, as a comparison with peers does not" in result.stderr
        assert result.stderr.count("\n") == 1


class TestReproduce:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("fairfactor.reproduction.execute.STUDIES", {"small": small_study.STUDY})
        monkeypatch.setattr("fairfactor.reproduction.page.STUDIES", {"small": small_study.STUDY})
        monkeypatch.chdir(tmp_path)
        small_study.CALLS.clear()

    def test_results_a_page_and_nothing_twice(self, tmp_path: Path) -> None:
        asked = ("reproduce", "small", "--seeds", 2, "--workers", 1)
        first = invoke(*asked, "--page", "docs/a.md")
        assert first.exit_code == 0
        for text in ("Small: a study", "shift 0.1", "reproduces", "Claim: a shift adds 0.1"):
            assert text in first.output
        assert len(small_study.CALLS) == 4
        saved = tmp_path / "runs/reproduction/small.json"
        before = saved.read_text()
        assert "## Small: a study" in (tmp_path / "docs/a.md").read_text()
        again = invoke(*asked, "--json")
        assert len(small_study.CALLS) == 4
        assert saved.read_text() == before
        assert json.loads(again.output)["studies"][0]["seeds"] == [0, 1]

    def test_other_seeds(self) -> None:
        invoke("reproduce", "--all", "--seeds", 1, "--first-seed", 7, "--workers", 1)
        assert {seed for _, seed in small_study.CALLS} == {7}

    def test_the_page_alone(self, tmp_path: Path) -> None:
        missing = invoke("reproduce", "--page", "a.md")
        assert missing.exit_code == 1
        assert "reproduce --all" in missing.output
        invoke("reproduce", "small", "--seeds", 2, "--workers", 1)
        small_study.CALLS.clear()
        assert invoke("reproduce", "--page", "a.md").exit_code == 0
        assert not small_study.CALLS
        assert names(tmp_path) >= {"a.md", "images"}

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (("smal",), "Did you mean 'small'?"),
            ((), "--all, or some of small"),
            (("small", "--all"), "no name beside --all"),
            (("small", "small"), "different names"),
        ],
    )
    def test_bad_names(self, arguments: tuple[str, ...], text: str) -> None:
        result = invoke("reproduce", *arguments)
        assert result.exit_code == 1
        assert text in result.output
        assert len(result.output.splitlines()) == 1

    def test_an_interruption_says_what_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("fairfactor.reproduction.execute.run_cells", interrupt)
        result = invoke("reproduce", "small")
        assert result.exit_code == 130
        assert "Finished cells are kept" in result.output


@pytest.mark.parametrize("kind", ["tuning", "peers"])
def test_runs_of_every_kind_are_described_and_reported(
    tuning_folder: RunFolder, peers_folder: RunFolder, kind: str
) -> None:
    folder = {"tuning": tuning_folder, "peers": peers_folder}[kind]
    text = invoke("info", folder.path).stdout
    assert folder.metrics["verdict"]["headline"] in text
    assert f"Report: {folder.report}" in text
    facts = json.loads(invoke("info", folder.path, "--json").stdout)
    assert facts == {"config": folder.config, "metrics": folder.metrics}
    before = folder.report.read_bytes()
    assert invoke("report", folder.path).stdout == f"{folder.report}\n"
    assert folder.report.read_bytes() == before


class TestUsage:
    def test_the_version(self) -> None:
        assert invoke("--version").stdout == f"{fairfactor.__version__}\n"

    @pytest.mark.parametrize(
        "arguments",
        [["--help"], ["-h"], ["run", "-h"], ["tune", "-h"], ["compare", "-h"], ["predict", "-h"]],
    )
    def test_help(self, arguments: list[str]) -> None:
        result = invoke(*arguments)
        assert result.exit_code == 0
        assert result.stdout.startswith("Usage: ")

    @pytest.mark.parametrize("arguments", [[], ["rum"], ["predict"], ["report"], ["--verbose"]])
    def test_wrong_usage_ends_with_code_2(self, arguments: list[str]) -> None:
        result = invoke(*arguments)
        assert result.exit_code == 2
        assert "Usage: " in result.output


class TestDryRun:
    @pytest.mark.parametrize("command", ["run", "tune", "compare"])
    def test_the_plan_is_printed_and_nothing_is_written(
        self, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        options = [people, "--target", "hired", "--sensitive", "sex", "--dry-run"]
        result = invoke(command, *options)
        assert result.exit_code == 0
        for word in ("skill", "standardised", "town", "hidden1", "Network:", "GB of memory"):
            assert word in result.stdout
        machine = json.loads(invoke(command, *options, "--json").stdout)
        assert {column["role"] for column in machine["data"]["columns"]} == {
            "input",
            "sensitive",
            "target",
        }
        assert machine["seconds"] > 0
        assert names(tmp_path) == set()
