from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.hugging_face.tiny import make_folder

from fairfactor.cli import main
from fairfactor.config import RunConfig
from fairfactor.data.splits import benchmark_split
from fairfactor.data.texts.near_duplicates import duplicate_clusters
from fairfactor.data.texts.templates import load_templates
from fairfactor.errors import ArgumentError
from fairfactor.model_loading import load_table_model
from fairfactor.run import execute, execute_tuning
from fairfactor.surgery import LowRankLayer
from fairfactor.table_settings import TableSettings
from fairfactor.tune_config import TuneConfig

for package in ("peft", "accelerate"):
    pytest.importorskip(package, reason="needs pip install 'fairfactor[text]'")

pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore::fairfactor.errors.FairfactorWarning"),
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_folder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(encoder: str, **more: object) -> dict[str, object]:
    common = {"data": "text-templates", "model": encoder, "layers": ("all-linear",)}
    return {**common, "encoder_epochs": 1, "encoder_rate": 3e-3, "maximum_tokens": 32, **more}


def test_a_tuning_keeps_the_tuned_encoder(encoder: str, tmp_path: Path) -> None:
    config = TuneConfig(**options(encoder, recipes=("late-features",)))
    folder = execute_tuning(config, tmp_path / "run")
    model = load_table_model(folder.path)
    layers = [m for m in model.extractor.modules() if isinstance(m, LowRankLayer)]
    assert len(layers) >= 6
    texts = pd.DataFrame({"text": ["As [MASK], she led the team at the school.", ""]})
    assert set(model.predict(texts)["prediction"]) <= {"other role", "leading role"}
    # The unmitigated accuracy of the report is what the kept backbone and encoder give.
    frame = load_templates()
    labels = (frame["role"] == "leading role").astype(int)
    together = duplicate_clusters(list(frame["text"]), similarity=1.0)
    rows = benchmark_split(labels, seed=0, together=together)["test"]
    chosen = folder.metrics["points"][folder.metrics["chosen"]]["test"]["accuracy"]["value"]
    predicted = model.predict(frame.iloc[rows])["prediction"].to_numpy()
    assert np.mean(predicted == frame["role"].to_numpy()[rows]) == pytest.approx(chosen, abs=0.004)


def test_no_test_row_is_seen(encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other labels in the test rows leave the tuned encoder as it is."""
    frame = load_templates(400)
    words = np.random.default_rng(0).choice(["team", "school", "and", "he", "she"], (400, 30))
    frame["text"] += [" ".join(["", *some]) for some in words]  # no two are alike
    labels = (frame["role"] == "leading role").astype(int).to_numpy()
    test = benchmark_split(labels, seed=0)["test"]
    swapped = frame.copy()
    # Within the test rows, so that the stratified split stays the same.
    swapped.loc[test, "text"] = list(frame["text"].iloc[test][::-1])
    weights = []
    for name, table in (("one", frame), ("other", swapped)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        own = {"data": str(tmp_path / f"{name}.csv"), "text": "text", "target": "role"}
        more = {"sensitive": ("gender",), "positive": "leading role", "recipes": ("late-features",)}
        config = TuneConfig(**options(encoder, **own, **more))
        folder = execute_tuning(config, tmp_path / name)
        weights.append(load_table_model(folder.path).extractor.state_dict())
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name])


def test_an_adapter_lies_beside_the_model(encoder: str, tmp_path: Path) -> None:
    config = TuneConfig(**options(encoder, mode="adapter", recipes=("late-features",)))
    folder = execute_tuning(config, tmp_path / "run")
    names = {file.name for file in (folder.path / "adapter").iterdir()}
    assert names >= {"adapter_config.json", "adapter_model.safetensors"}
    assert not any(
        isinstance(m, LowRankLayer) for m in load_table_model(folder.path).extractor.modules()
    )


def test_a_run_starts_from_the_tuned_encoder(encoder: str, tmp_path: Path) -> None:
    config = RunConfig(**options(encoder, layers=("*.attention.*",), seeds=1, rank=(1,)))
    folder = execute(config, tmp_path / "run", workers=1)
    model = load_table_model(folder.path)
    replaced = [n for n, m in model.extractor.named_modules() if isinstance(m, LowRankLayer)]
    assert replaced
    assert all(".attention." in name for name in replaced)
    with pytest.raises(ArgumentError, match="1 with layers"):
        execute(RunConfig(**options(encoder, seeds=2)), tmp_path / "more")


def test_the_command_line_knows_it(
    encoder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    arguments = ["tune", "--data", "text-templates", "--model", encoder, "--layers", "head"]
    more = ["--encoder-epochs", "1", "--recipes", "late-features", "--json", "--out", "run"]
    monkeypatch.setattr("sys.argv", ["fairfactor", *arguments, *more])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert json.loads(capsys.readouterr().out)["run"] == "run"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"data": "adult", "layers": ("head",)}, "nothing where there are no texts"),
        ({"data": "text-templates", "encoder_weighting": "x"}, "weighting"),
        ({"data": "text-templates", "encoder_epochs": 0}, "epochs"),
        ({"data": "text-templates", "mode": "x"}, "mode"),
    ],
)
def test_refusals(given: dict[str, object], named: str) -> None:
    with pytest.raises(ArgumentError, match=named):
        TableSettings(**given)
