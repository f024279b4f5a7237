from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.hugging_face.tiny import make_folder

from fairfactor.checkpoints import Checkpoints
from fairfactor.data.texts.templates import ROLES, load_templates
from fairfactor.errors import ArgumentError, TrainingError
from fairfactor.groups import encode_groups
from fairfactor.hugging_face import Tokens, load_classifier
from fairfactor.text_settings import TextTuningConfig
from fairfactor.text_tuning.objective import make_objective
from fairfactor.text_tuning.rows import TextRows
from fairfactor.text_tuning.training import TextTuningHistory, train

accelerate = pytest.importorskip("accelerate", reason="needs pip install 'fairfactor[text]'")
FRAME = load_templates(160)
GROUPS = encode_groups(FRAME["gender"])
LABELS = FRAME["role"].map(ROLES.index).to_numpy()


@pytest.fixture(autouse=True)
def forget_the_accelerator() -> Iterator[None]:
    """accelerate keeps the first precision of a process."""
    yield
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("encoder"))


def trained(
    folder: Path, checkpoints: Checkpoints | None = None, **options: object
) -> tuple[torch.nn.Module, TextTuningHistory]:
    given = {"epochs": 3, "batch_size": 16, "learning_rate": 0.01, "seed": 3, **options}
    config = TextTuningConfig.from_dict(given)
    model = load_classifier(folder, ROLES)
    rows = TextRows.of(Tokens.from_folder(folder, 32), list(FRAME["text"]), LABELS, GROUPS.codes)
    objective = make_objective(config.objective, config.strength, 2, 2)
    history = train(
        model,
        rows.at(range(120)),
        rows.at(range(120, 160)),
        objective,
        config,
        checkpoints=checkpoints,
    )
    return model, history


def assert_equal(one: torch.nn.Module, other: torch.nn.Module) -> None:
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_it_learns_and_keeps_the_best_epoch(folder: Path) -> None:
    _, history = trained(folder)
    assert history.validation_loss[history.best_epoch] == min(history.validation_loss[1:])
    assert history.validation_loss[history.best_epoch] < history.validation_loss[0]
    assert history.training_objective[-1] < history.training_objective[0]


@pytest.mark.parametrize("objective", ["accuracy", "equalized_odds"])
def test_an_interrupted_training_goes_on_to_the_same_model(
    objective: str, folder: Path, tmp_path: Path
) -> None:
    whole, history = trained(folder, objective=objective)
    kept = Checkpoints(tmp_path / "kept")
    trained(folder, kept, objective=objective)
    (tmp_path / "kept" / "epoch-3").rename(tmp_path / "lost")
    again, other = trained(folder, kept, objective=objective)
    assert other == history
    assert_equal(again, whole)


def test_dropout_leaves_the_global_generator_alone(folder: Path) -> None:
    state = torch.random.get_rng_state()
    trained(folder, epochs=1)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_gradients_of_some_batches_are_added_before_a_step(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    step = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda *a, **k: (steps.append(1), step(*a))[1])
    _, history = trained(folder, epochs=1, batch_size=16, accumulation=3)
    assert len(steps) == 3  # of 8 batches: 3, 3 and the last 2
    assert history.validation_loss[1] != history.validation_loss[0]


def test_mixed_precision(folder: Path) -> None:
    model, history = trained(folder, precision="bf16")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert history.validation_loss[history.best_epoch] < history.validation_loss[0]
    assert not {"forward", "_original_forward"} & vars(model).keys()  # accelerate's wrapper is gone
    with pytest.raises(ArgumentError, match="accelerate="):
        trained(folder, precision="no")  # one precision a process


def test_a_tracker_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[dict[str, float], int]] = []

    class Told(accelerate.tracking.GeneralTracker):
        name = "told"
        requires_logging_directory = False

        def __init__(self) -> None:
            super().__init__()

        @property
        def tracker(self) -> None:
            return None

        def store_init_configuration(self, values: dict[str, object]) -> None:
            assert values["epochs"] == "2"

        def log(self, values: dict[str, float], step: int | None, **_: object) -> None:
            told.append((values, step or 0))

    model = load_classifier(folder, ROLES)
    rows = TextRows.of(Tokens.from_folder(folder, 32), list(FRAME["text"])[:32], LABELS[:32])
    config = TextTuningConfig(epochs=2)
    objective = make_objective("accuracy", 1, 2, 1)
    history = train(model, rows, rows, objective, config, trackers=(Told(),))
    assert [step for _, step in told] == [1, 2]
    assert told[-1][0]["validation_loss"] == history.validation_loss[-1]


@pytest.mark.parametrize("objective", ["balanced", "demographic_parity", "equal_opportunity"])
def test_other_objectives(objective: str, folder: Path) -> None:
    _, history = trained(folder, objective=objective, epochs=2)
    assert history.best_epoch == 2  # cross-entropy is no guide there


def test_a_penalty_closes_the_gap_that_it_is_about(folder: Path) -> None:
    gaps = []
    for objective in ("accuracy", "demographic_parity"):
        model, _ = trained(folder, objective=objective, epochs=6, strength=30.0)
        rows = TextRows.of(Tokens.from_folder(folder, 32), list(FRAME["text"]), LABELS)
        with torch.no_grad():
            probabilities = model(**rows.batch(range(160))[0]).logits.softmax(1)[:, 1]
        women = torch.tensor(GROUPS.codes.tolist()) == 0
        gaps.append(abs(float(probabilities[women].mean() - probabilities[~women].mean())))
        accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    assert gaps[1] < 0.5 * gaps[0]


def test_refusals(folder: Path) -> None:
    with pytest.raises(TrainingError, match="not finite in epoch 1"):
        trained(folder, learning_rate=1e30)
    model = load_classifier(folder, ROLES).requires_grad_(False)
    rows = TextRows.of(Tokens.from_folder(folder, 32), ["a text"], [1])
    with pytest.raises(TrainingError, match="No parameter is trainable"):
        train(model, rows, rows, make_objective("accuracy", 1, 2, 1), TextTuningConfig())
