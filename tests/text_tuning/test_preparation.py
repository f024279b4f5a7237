from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.hugging_face.tiny import make_folder

from fairfactor.data.texts.templates import ROLES, load_templates
from fairfactor.errors import ArgumentError
from fairfactor.groups import encode_groups
from fairfactor.hugging_face import Tokens, load_classifier
from fairfactor.text_settings import WEIGHTINGS, TextTuningConfig
from fairfactor.text_tuning.preparation import budget, prepare, probe_head
from fairfactor.text_tuning.rows import TextRows

FRAME = load_templates(120)
GROUPS = encode_groups(FRAME["gender"])
NAMES = GROUPS.names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


def rows_of(folder: Path) -> TextRows:
    labels = FRAME["role"].map(ROLES.index).to_numpy()
    return TextRows.of(Tokens.from_folder(folder, 32), list(FRAME["text"]), labels, GROUPS.codes)


def test_the_head_is_fitted_and_nothing_else(folder: Path) -> None:
    model, rows = load_classifier(folder, ROLES), rows_of(folder)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    probe_head(model, rows.at(range(80)), rows.at(range(80, 120)), seed=0)
    changed = {n for n, value in model.state_dict().items() if not torch.equal(value, before[n])}
    assert changed == {"classifier.weight", "classifier.bias"}


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_only_factors_and_head_train(weighting: str, folder: Path) -> None:
    model = load_classifier(folder, ROLES)
    config = TextTuningConfig(layers=("*.attention.*",), weighting=weighting, measured_rows=60)
    prepared = prepare(model, rows_of(folder), config, NAMES)
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    assert all(".attention." in name or name.startswith("classifier.") for name in trained)
    assert prepared.parameters.trained == sum(
        value.numel() for value in model.parameters() if value.requires_grad
    )
    weights = sum(
        value.numel()
        for name, value in model.named_parameters()
        if name.endswith("weight") and ".attention." in name and "LayerNorm" not in name
    )
    assert weights <= 0.5 * 8 * 16 * 16  # four layers in each of two blocks


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_the_budget_is_a_share_and_never_too_small(share: float, folder: Path) -> None:
    model = load_classifier(folder, ROLES)
    weights = 8 * 16 * 16
    found = budget(model, "*.attention.*", share, mode="replace").parameters
    assert found == max(round(share * weights), 8 * 32)
    assert budget(model, "head", 0.1, mode="replace").parameters == 2 + 16  # rank 1
    tiny = torch.nn.Sequential(torch.nn.Linear(2, 2))  # rank 1 costs as much as the weight
    assert budget(tiny, "0", 0.1, mode="replace").parameters == 4


def test_an_adapter_needs_more_than_the_head(folder: Path) -> None:
    model = load_classifier(folder, ROLES)
    config = TextTuningConfig(layers=("head",), mode="adapter")
    with pytest.raises(ArgumentError, match="layers besides the head"):
        prepare(model, rows_of(folder), config, NAMES)
