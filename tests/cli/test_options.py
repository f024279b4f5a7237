from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from fairfactor.cli.app import app
from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.errors import DataError
from fairfactor.tune_config import TuneConfig

METRICS = {"verdict": {}, "findings": [], "methods": []}


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RunConfig, dict[str, Any]]]:
    """What ``fairfactor run`` asked for, in place of doing it."""
    calls: list[tuple[RunConfig, dict[str, Any]]] = []

    def execute(config: RunConfig, out: Path | None, **options: Any) -> SimpleNamespace:
        calls.append((config, {"out": out, **options}))
        return SimpleNamespace(path=out, report=Path("report.html"), metrics=METRICS)

    monkeypatch.setattr("fairfactor.run.execute", execute)
    return calls


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["run", "--json", *arguments])


def configured(executed: list[tuple[RunConfig, dict[str, Any]]], *arguments: str) -> RunConfig:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return executed[-1][0]


def test_without_options_the_configuration_is_the_default(executed) -> None:
    assert configured(executed) == RunConfig()


def test_every_field_has_an_option_with_its_help_and_default() -> None:
    text = CliRunner().invoke(app, ["run", "--help"], terminal_width=10_000).output
    plain = " ".join(text.split())
    for field in fields(RunConfig):
        assert f"--{field.name.replace('_', '-')} " in plain, field.name
        assert " ".join(field.metadata["help"].split()) in plain, field.name
    assert "[default: pretrained,head-tuning,plain-svd,pooled-fisher-svd,neutralized]" in plain
    assert "[default: 1,2]" in plain


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["--seeds", "3"], {"seeds": 3}),
        (["people.csv", "--target", "hired"], {"data": "people.csv", "target": "hired"}),
        (["--data", "people.csv", "--bins", "3"], {"data": "people.csv", "bins": 3}),
        (["--rank", "2"], {"rank": (2,)}),
        (["--rank", "1, 2,"], {"rank": (1, 2)}),
        (["--hidden", "8,4"], {"hidden": (8, 4)}),
        (["--hidden", ""], {"hidden": ()}),
        (["--method", "head-tuning,neutralized"], {"method": ("head-tuning", "neutralized")}),
        (["--sensitive", "sex,race"], {"sensitive": ("sex", "race")}),
        (["--learning-rates", "1e-2,1"], {"learning_rates": (0.01, 1.0)}),
        (["--alpha", "0.7"], {"alpha": 0.7}),
        (["--encoding", "one_hot", "--rows", "all"], {"encoding": "one_hot", "rows": "all"}),
    ],
)
def test_options_become_fields(executed, arguments: list[str], changes: dict) -> None:
    assert configured(executed, *arguments) == RunConfig(**changes)


def test_a_configuration_can_be_given_again_as_options(executed) -> None:
    config = RunConfig(
        rows="all", hidden=(5,), rank=(1,), alpha=0.25, seeds=2, first_seed=7, batch_size=64
    )
    arguments = []
    for name, value in config.to_dict().items():
        if value is None:
            continue
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        arguments += [f"--{name.replace('_', '-')}", text]
    assert configured(executed, *arguments) == config


def test_where_and_how_to_run_is_passed_on(executed, tmp_path: Path) -> None:
    result = run("--out", str(tmp_path), "--overwrite", "--workers", "3")
    assert result.exit_code == 0
    [(_, options)] = executed
    assert (options["out"], options["overwrite"], options["workers"]) == (tmp_path, True, 3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--rank", "one"], r"--rank='one' is not usable: expected a comma-separated list of int"),
        (["--rank", "1.5"], r"--rank='1\.5' is not usable"),
        (["--learning-rates", "0.1;0.2"], r"--learning-rates='0\.1;0\.2' is not usable.* float"),
        (["--rank", ""], r"rank=\(\) is not usable"),
        (["--rank", "3"], r"rank=3 is not usable: expected an integer from 1 to 2"),
        (["--rank", "0"], r"rank=0 is not usable"),
        (["--alpha", "1.5"], r"alpha=1\.5 is not usable: expected a number from 0 to 1"),
        (["--alpha", "nan"], r"alpha=nan is not usable"),
        (["--method", "neutralised"], r"method='neutralised'.*Did you mean 'neutralized'"),
        (["--seeds", "0"], r"seeds=0 is not usable"),
        (["--first-seed", "99999999999999999999999"], r"first_seed=9+ is not usable"),
        (["--hidden", "20,0"], r"hidden=0 is not usable"),
        (["--pretraining-rate", "0"], r"pretraining_rate=0\.0 is not usable"),
        (["--batch-size", "0"], r"batch_size=0 is not usable"),
    ],
)
def test_an_unusable_value_ends_with_one_line_and_code_1(executed, arguments, text) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert re.match(text, json.loads(result.stdout)["error"])
    assert executed == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--ranks", "1"],
        ["--seeds", "many"],
        ["--encoding", "hot"],
        ["--workers", "0"],
        ["--alpha", "half"],
        ["table.csv", "surplus"],
    ],
)
def test_wrong_usage_ends_with_code_2(executed, arguments) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert executed == []


@pytest.mark.parametrize(("command", "config"), [("tune", TuneConfig), ("compare", CompareConfig)])
class TestOtherCommands:
    """Their configurations become options in the same way."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
        calls: list[tuple] = []

        def execute(config: object, out: Path | None, **options: Any) -> None:
            calls.append((config, out, options["overwrite"]))
            raise DataError("that is enough")

        for name in ("execute_tuning", "execute_comparison"):
            monkeypatch.setattr(f"fairfactor.run.{name}", execute)
        return calls

    def test_every_field_has_an_option_with_its_help(self, asked, command, config) -> None:
        text = CliRunner().invoke(app, [command, "--help"], terminal_width=10_000).output
        plain = " ".join(text.split())
        for field in fields(config):
            assert f"--{field.name.replace('_', '-')} " in plain, field.name
            assert field.metadata["help"] in plain, field.name

    def test_without_options_the_configuration_is_the_default(self, asked, command, config) -> None:
        assert CliRunner().invoke(app, [command]).exit_code == 1
        assert asked == [(config(), None, False)]

    def test_options_become_fields(self, asked, command, config) -> None:
        options = {
            "data": "people.csv",
            "target": "hired",
            "positive": "yes",
            "sensitive": ("sex", "age band"),
            "hidden": (8, 6),
            "recipes": ("low-rank", "bias-aware"),
        }
        if config is TuneConfig:
            options |= {"constraint": ("equalized_odds<=5%", "accuracy>=0.8"), "seed": 3}
            options |= {"confidence": 0.75}
        else:
            options |= {"peers": ("leace", "unmitigated"), "settings": 2, "first_seed": 4}
        arguments = []
        for name, value in options.items():
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            arguments += [f"--{name.replace('_', '-')}", text]
        CliRunner().invoke(app, [command, *arguments, "--out", "run", "--overwrite"])
        assert asked == [(config(**options), Path("run"), True)]


class TestConfigFile:
    def test_a_file_sets_options_and_the_command_line_overrides_them(
        self, executed, tmp_path: Path
    ) -> None:
        file = tmp_path / "c.toml"
        file.write_text('seeds = 4\nhidden = [5, 4]\ndata = "other.csv"\n')
        config = configured(executed, "--config", str(file), "--hidden", "7", "people.csv")
        assert config == RunConfig(seeds=4, hidden=(7,), data="people.csv")

    def test_an_option_given_with_its_default_overrides_too(self, executed, tmp_path: Path) -> None:
        file = tmp_path / "c.toml"
        file.write_text("seeds = 4\n")
        assert configured(executed, "--config", str(file), "--seeds", "10").seeds == 10

    def test_a_wrong_value_or_key_is_one_line(self, executed, tmp_path: Path) -> None:
        file = tmp_path / "c.toml"
        for text, message in (("sedes = 4", "Did you mean 'seeds'"), ('seeds = "4"', "type int")):
            file.write_text(text)
            result = run("--config", str(file))
            assert result.exit_code == 1
            assert message in json.loads(result.stdout)["error"]
        assert executed == []

    def test_init_writes_a_file_that_runs_as_it_is(
        self, executed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        result = CliRunner().invoke(app, ["init", "run"])
        assert result.stdout == (
            "Edit fairfactor.toml, then: fairfactor run --config fairfactor.toml\n"
        )
        assert configured(executed, "--config", "fairfactor.toml") == RunConfig()
        again = CliRunner().invoke(app, ["init", "run"])
        assert again.exit_code == 1
        assert "Choose another --out" in again.stderr

    def test_init_refuses_a_name_that_would_be_read_as_yaml(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["init", "--out", str(tmp_path / "options.yaml")])
        assert result.exit_code == 1
        assert "init writes TOML" in result.stderr
        assert not list(tmp_path.iterdir())

    def test_the_schema_is_json(self) -> None:
        result = CliRunner().invoke(app, ["schema", "tune"])
        assert json.loads(result.stdout)["properties"]["constraint"]["type"] == "array"
