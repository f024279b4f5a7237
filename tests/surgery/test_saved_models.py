"""Every format that a released version wrote can still be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.fixtures.make_saved_model import EXTRA, FOLDER, HERE, build, inputs, main

from fairfactor.surgery import LowRankConv2d, LowRankLinear, load_model, read_saved_config
from fairfactor.surgery.saved_config import FORMAT_VERSION

FOLDERS = sorted(path for path in HERE.glob("saved_model_v*") if path.is_dir())


def test_this_version_has_its_folder() -> None:
    assert HERE / f"saved_model_v{FORMAT_VERSION}" in FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_gives_the_recorded_outputs(folder: Path) -> None:
    model = load_model(build(), folder)
    expected = torch.tensor(json.loads(folder.with_suffix(".json").read_text()))
    torch.testing.assert_close(model(inputs()), expected)
    assert isinstance(model.stem, LowRankConv2d)
    assert isinstance(model.body[0], LowRankLinear)
    assert not model.body[0].down.weight.requires_grad
    assert model.body[0].up.weight.requires_grad
    assert model.decode.weight is model.encode.weight
    assert read_saved_config(folder).extra == EXTRA


def test_the_folder_of_this_version_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fixtures.make_saved_model.FOLDER", tmp_path / "again")
    main()
    again, committed = read_saved_config(tmp_path / "again"), read_saved_config(FOLDER)
    assert (again.layers, again.aliases) == (committed.layers, committed.aliases)
    # Another machine may round the singular vectors otherwise, so outputs are compared.
    outputs = torch.tensor(json.loads((tmp_path / "again.json").read_text()))
    expected = torch.tensor(json.loads(FOLDER.with_suffix(".json").read_text()))
    torch.testing.assert_close(outputs, expected, atol=1e-4, rtol=1e-4)
